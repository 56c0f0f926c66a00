"""Templates as files."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from ops.outcomes import BadInputError
from ops.skins.families import FAMILIES
from ops.skins.procedural import STYLES, make_skin
from ops.skins.template import ControlArea, Template, load_library
from ops.store.storage import to_json

#: One skin of each family; each style twice. The whole library is drawn below in coarse.
SAMPLE = [f"{family}-{STYLES[number % 4]}-{1 + number // 4:02d}" for number, family in enumerate(FAMILIES)]


make = lru_cache(maxsize=None)(make_skin)


def test_a_picture_alone_is_a_template_without_controls(tmp_path: Path) -> None:
    make("ps4-flat-01").template().save(tmp_path)
    (tmp_path / "ps4-flat-01.json").unlink()
    template = Template.load((tmp_path / "ps4-flat-01.png").rename(tmp_path / "mine.png"))
    assert (template.template_id, template.family, template.controls) == ("mine", "mine", {})


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.png", b"", "not a picture"),
        ("a.png", b"GIF89a, really", "not a picture"),
        ("a.json", b"{", "malformed"),
        ("a.json", to_json({"family": "x", "controls": {"fire": ControlArea(1, 1, 1, 1)}}), "unknown controls"),
        ("a.json", b'{"family": "x", "controls": {"south": {"cx": 1}}}', "malformed"),
    ],
)  # fmt: skip
def test_templates_that_cannot_be_read_say_why(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    rgba = np.full((8, 8, 4), 255, np.uint8)
    Template("a", "x", rgba).save(tmp_path)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadInputError, match=message):
        Template.load(tmp_path / "a.png")


def test_an_empty_picture_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no templates"):
        load_library(tmp_path)
    Template("a", "x", np.zeros((8, 8, 4), np.uint8)).save(tmp_path)
    with pytest.raises(BadInputError, match="nothing is drawn"):
        load_library(tmp_path)
