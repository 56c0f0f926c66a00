"""Skins in a library folder."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ops.outcomes import BadInputError
from ops.skins.files import SKIN_FILE, imported_skins, load_skin, save_imported, save_skin
from ops.skins.form import SkinRenderer
from ops.skins.procedural import make_skin
from ops.skins.template import load_library


def test_a_saved_skin_draws_as_before_and_is_a_template(tmp_path: Path) -> None:
    skin = replace(make_skin("ps4-solid-01"), skin_id="mine", dead_zone=0.2, round_dead_zone=True)
    save_skin(skin, tmp_path)
    loaded = load_skin(tmp_path / "mine")
    state = np.ones(17, np.float32), np.array([1, 0, 0, -1], np.float32), np.array([0.4, 0.6], np.float32)
    before, after = (SkinRenderer(s, 320, 0.5, 0.2).compose(*state) for s in (skin, loaded))
    np.testing.assert_allclose(before, after, atol=1.5 / 255)
    assert replace(loaded, body=skin.body, controls=skin.controls) == skin
    assert imported_skins(tmp_path) == ("mine",)
    (template,) = load_library(tmp_path)
    assert (template.template_id, template.family, set(template.controls)) == ("mine", "ps4", set(skin.areas()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "import it again"),
        ({"trigger_mode": "wave"}, "trigger mode 'wave'"),
        ({"width": 10**6}, "out of range"),
        ({"body": None}, "a picture is null"),
        ({"body": {"picture": "gone.png", "x": 0, "y": 0}}, "gone.png is missing"),
        ({"controls": {"fire": {}}}, "malformed"),
    ],
)
def test_damaged_skins_say_why(tmp_path: Path, change: dict, message: str) -> None:
    save_skin(replace(make_skin("ps4-line-01"), skin_id="mine"), tmp_path)
    file = tmp_path / "mine" / SKIN_FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(BadInputError, match=message):
        load_skin(tmp_path / "mine")


def test_another_skin_of_the_same_name_is_not_written_over_unless_asked(tmp_path: Path) -> None:
    first, other = (replace(make_skin(skin_id), skin_id="mine") for skin_id in ("ps4-solid-01", "ps5-solid-01"))
    save_imported(first, tmp_path)
    save_imported(first, tmp_path)
    with pytest.raises(BadInputError, match="another skin called 'mine'"):
        save_imported(other, tmp_path)
    with pytest.raises(BadInputError, match="--replace"):
        save_imported(other.template(), tmp_path)
    assert load_skin(tmp_path / "mine").family == "ps4"
    save_imported(other, tmp_path, replace=True)
    assert load_skin(tmp_path / "mine").family == "ps5"
