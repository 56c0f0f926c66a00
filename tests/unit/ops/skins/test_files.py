"""Skins on disk, and finding the skins under a path."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ops.gamepad import CONTROLS
from ops.outcomes import BadInputError
from ops.skins.files import SKIN_FILE, imported_skins, load_skin, save_skin
from ops.skins.form import Skin, SkinRenderer, dpad_direction
from ops.skins.importers.discover import find_skins
from ops.skins.procedural import make_skin
from ops.skins.sheet import contact_sheet
from ops.skins.template import load_library
from tests.unit.ops.skins.drawing import GREEN, RED, WHITE, write_png

SHARED = Path(__file__).resolve().parents[5] / "shared" / "skins"
ELEMENTS = [
    {"type": 0, "id": "body", "pos": [0, 0], "mapping": [0, 0, 60, 40]},
    {"type": 2, "id": "lb", "pos": [10, 10], "mapping": [70, 0, 8, 8], "code": 9},
]


def _preset(folder: Path, *pictures: str) -> None:
    for name in pictures:
        write_png(folder / name, 90, 50, (0, 0, 60, 40, WHITE), (70, 0, 8, 8, RED), (70, 11, 8, 8, GREEN))
    record = {"overlay_width": 60, "overlay_height": 40, "elements": ELEMENTS}
    (folder / "pad.json").write_text(json.dumps(record))


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


def test_a_bad_skin_is_one_reason_and_the_others_are_found(tmp_path: Path) -> None:
    _preset(tmp_path / "good", "pad.png", "pad-red.png")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "pad.json").write_text('{"overlay_width": 60, "elements": [')
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "pad.json").write_text(json.dumps({"overlay_width": 1, "overlay_height": 1, "elements": []}))
    (tmp_path / "bare" / "theme.json").write_text(json.dumps({"name": "x", "authors": []}))
    done, refused = [], []
    for found in find_skins(tmp_path):
        try:
            done.append(found.load().skin_id)
        except BadInputError as error:
            refused.append(f"{found.name}: {error}")
    assert done == ["io-good-pad-red", "io-good-pad"]
    assert [line.split(":")[0] for line in refused] == ["bare/pad.json", "torn/pad.json"]
    assert "no PNG atlas" in refused[0] and "not JSON" in refused[1]


def test_pictures_alone_are_templates_and_nothing_is_refused_with_advice(tmp_path: Path) -> None:
    write_png(tmp_path / "mine.png", 40, 30, (5, 5, 20, 10, RED))
    (found,) = find_skins(tmp_path)
    assert not isinstance(found.load(), Skin) and found.load().template_id == "mine"
    (tmp_path / "mine.png").rename(tmp_path / "mine.txt")
    with pytest.raises(BadInputError, match="expected an Input Overlay"):
        list(find_skins(tmp_path))
    with pytest.raises(BadInputError, match="nothing at"):
        list(find_skins(tmp_path / "gone"))


def test_sheets_show_every_control_of_one_skin_and_three_states_of_several() -> None:
    skin = make_skin("ps4-flat-01")
    cell = round(160 * skin.height / skin.width) + 16
    rows = -(-(1 + len(skin.areas())) // 5)
    assert contact_sheet([skin], 160).shape == (rows * cell, 5 * 160, 3)
    assert contact_sheet([skin, skin], 160).shape == (2 * cell, 3 * 160, 3)


def test_opposite_directions_of_a_whole_dpad() -> None:
    assert dpad_direction(True, True, True, True) == 6  # up and right
    assert [dpad_direction(*state) for state in ((0, 0, 1, 0), (0, 1, 0, 0), (0, 1, 1, 0))] == [1, 4, 7]


@pytest.mark.skipif(not SHARED.is_dir(), reason="no published skins beside the project")
def test_published_presets_and_layouts_import() -> None:
    """One of each program that needs no browser; each says what it does not draw."""
    (gamecube,) = [found.load() for found in find_skins(SHARED / "input-overlay" / "gamecube")]
    missing = set(CONTROLS) - set(gamecube.areas())
    assert missing == {"back", "guide", "left_shoulder", "left_trigger", "right_trigger"}
    layouts = list(find_skins(SHARED / "vscview" / "themes" / "steamdeck"))
    assert len(layouts) == 3
    assert set(layouts[-1].load().areas()) == set(CONTROLS)
