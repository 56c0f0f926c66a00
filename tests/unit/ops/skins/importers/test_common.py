"""What all importers share."""

from pathlib import Path

import pytest

from ops.outcomes import BadInputError
from ops.skins.importers.common import read_json


def test_lenient_json(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('\ufeff{ // a "note", with a comma,\n "u": "http://x, }", /* gone */ "v": [.5, -.25,], \n}')
    assert read_json(file) == {"u": "http://x, }", "v": [0.5, -0.25]}
    file.write_text('{"u": ')
    with pytest.raises(BadInputError, match="not JSON"):
        read_json(file)
