"""The written rules of Input Overlay presets, on an atlas drawn here: looks stand 3 px apart."""

import json
from pathlib import Path

import pytest

from ops.outcomes import BadInputError
from ops.skins.form import Skin
from ops.skins.importers import input_overlay
from ops.skins.importers.common import read_json
from tests.unit.ops.skins.drawing import BLUE, GREEN, RED, WHITE, box_of, look, write_png

BODY = {"type": 0, "id": "body", "pos": [0, 0], "mapping": [0, 0, 100, 60], "z_level": 9}


def _skin(folder: Path, elements: list[dict], *boxes) -> Skin:
    atlas = write_png(folder / "pad" / "pad.png", 300, 200, (0, 0, 100, 60, WHITE), *boxes)
    layout = atlas.with_name("pad.json")
    layout.write_text(json.dumps({"overlay_width": 100, "overlay_height": 60, "elements": elements}))
    return input_overlay.import_skin(read_json(layout), layout, atlas)


def _button(code: int, pos=(10, 20), mapping=(110, 0, 8, 6), **more) -> dict:
    return {"type": 2, "id": "some", "pos": list(pos), "mapping": list(mapping), "code": code} | more


PAIR = ((110, 0, 8, 6, RED), (110, 9, 8, 6, GREEN))


def test_a_pressed_button_is_the_sprite_three_pixels_below(tmp_path: Path) -> None:
    skin = _skin(tmp_path, [BODY, _button(9)], *PAIR)
    assert skin.skin_id == "io-pad" and skin.drawn == ("left_shoulder",)
    assert box_of(look(skin), RED) == (10, 20, 8, 6)
    pressed = look(skin, "left_shoulder")
    assert box_of(pressed, GREEN) == (10, 20, 8, 6) and box_of(pressed, RED) is None
    area = skin.areas()["left_shoulder"]
    assert (area.cx, area.cy, area.half_width, area.half_height) == (14, 23, 4, 3)


def test_elements_are_drawn_in_order_whatever_their_level(tmp_path: Path) -> None:
    below = {**BODY, "z_level": "0"}
    with pytest.raises(BadInputError, match="no gamepad control"):
        _skin(tmp_path, [_button(9, z_level=5), below], *PAIR)


def test_a_stick_moves_by_its_radius_without_dead_zone(tmp_path: Path) -> None:
    stick = {"type": 5, "id": "l", "pos": [40, 20], "mapping": [110, 0, 8, 6], "stick_radius": 10, "side": 0}
    skin = _skin(tmp_path, [BODY, stick], *PAIR)
    assert skin.areas()["left_stick"].travel == 10 and set(skin.drawn) == {"left_stick", "left_thumb"}
    assert box_of(look(skin, sticks=(1, -1, 0, 0)), RED) == (50, 10, 8, 6)
    assert box_of(look(skin, sticks=(0.1, 0, 0, 0)), RED) == (41, 20, 8, 6)
    assert box_of(look(skin, "left_thumb", sticks=(0, 1, 0, 0)), GREEN) == (40, 30, 8, 6)


@pytest.mark.parametrize(
    ("direction", "filled"),
    [(1, (10, 23, 8, 3)), (2, (10, 20, 8, 3)), (3, (14, 20, 4, 6)), (4, (10, 20, 4, 6))],
    ids=["up", "down", "left", "right"],
)
def test_a_trigger_fills_in_its_direction(tmp_path: Path, direction: int, filled: tuple) -> None:
    trigger = {"type": 6, "id": "t", "pos": [10, 20], "mapping": [110, 0, 8, 6], "side": 0, "direction": direction}
    skin = _skin(tmp_path, [BODY, trigger], *PAIR)
    assert box_of(look(skin, triggers=(0.5, 0)), GREEN) == filled
    assert box_of(look(skin, triggers=(0, 0)), GREEN) is None
    assert box_of(look(skin, triggers=(1, 0)), GREEN) == (10, 20, 8, 6)


def test_a_trigger_in_button_mode_is_down_from_a_tenth(tmp_path: Path) -> None:
    trigger = {"type": 6, "id": "t", "pos": [10, 20], "mapping": [110, 0, 8, 6], "side": 1, "trigger_mode": True}
    skin = _skin(tmp_path, [BODY, trigger], *PAIR)
    assert box_of(look(skin, triggers=(0, 0.09)), GREEN) is None
    assert box_of(look(skin, triggers=(0, 0.1)), GREEN) == (10, 20, 8, 6)


def test_a_whole_dpad_has_a_sprite_per_direction_and_up_and_right_win(tmp_path: Path) -> None:
    colours = [(20 * number, 255 - 20 * number, 90, 255) for number in range(9)]
    boxes = [(110 + 13 * number, 20, 10, 10, colour) for number, colour in enumerate(colours)]
    dpad = {"type": 8, "id": "d", "pos": [50, 30], "mapping": [110, 20, 10, 10]}
    skin = _skin(tmp_path, [BODY, dpad], *boxes)
    assert skin.drawn == ("dpad_down", "dpad_left", "dpad_right", "dpad_up")
    states = [(), ("left",), ("right",), ("up",), ("down",), ("up", "left"), ("up", "right"), ("down", "left"),
              ("down", "right")]  # fmt: skip
    for number, state in enumerate(states):
        assert box_of(look(skin, *(f"dpad_{name}" for name in state)), colours[number]) == (50, 30, 10, 10), state
    everything = look(skin, "dpad_up", "dpad_down", "dpad_left", "dpad_right")
    assert box_of(everything, colours[6]) == (50, 30, 10, 10)


def test_a_direction_is_where_it_changes_most_if_each_redraws_the_whole_dpad(tmp_path: Path) -> None:
    lit = [None, (0, 4, 4, 3), (6, 4, 4, 3), (3, 0, 4, 4), (3, 7, 4, 3)]  # left, right, up, down, as sprites are
    boxes = [(110 + 13 * number, 20, 10, 10, (90, 90, 90, 255) if number else (60, 60, 60, 255)) for number in range(9)]
    boxes += [(110 + 13 * n + box[0], 20 + box[1], *box[2:], WHITE) for n, box in enumerate(lit) if box]
    dpad = {"type": 8, "id": "d", "pos": [50, 30], "mapping": [110, 20, 10, 10]}
    areas = _skin(tmp_path, [BODY, dpad], *boxes).areas()
    for name, (left, top, width, height) in zip(("left", "right", "up", "down"), lit[1:], strict=True):
        area = areas[f"dpad_{name}"]
        assert (area.cx, area.cy) == pytest.approx((50 + left + width / 2, 30 + top + height / 2), abs=0.2)
        assert (2 * area.half_width, 2 * area.half_height) == pytest.approx((width, height), abs=0.4)


def test_guide_shows_the_first_players_sprite_over_the_pressed_one(tmp_path: Path) -> None:
    boxes = [(110, 40, 6, 6, RED), (119, 40, 3, 6, BLUE), (146, 40, 6, 6, GREEN)]
    guide = {"type": 7, "id": "g", "pos": [30, 5], "mapping": [110, 40, 6, 6]}
    skin = _skin(tmp_path, [BODY, guide], *boxes)
    assert box_of(look(skin), BLUE) == (30, 5, 3, 6) and box_of(look(skin), RED) is None
    pressed = look(skin, "guide")
    assert box_of(pressed, BLUE) == (30, 5, 3, 6) and box_of(pressed, GREEN) == (33, 5, 3, 6)


def test_faces_are_named_by_where_they_are_drawn(tmp_path: Path) -> None:
    """A preset that lights the right-hand button for code 0, as one for Nintendo pads does."""
    places = {1: (50, 40), 0: (60, 30), 2: (50, 20), 3: (40, 30)}
    skin = _skin(tmp_path, [BODY, *(_button(code, pos) for code, pos in places.items())], *PAIR)
    found = {name: (area.cx - 4, area.cy - 3) for name, area in skin.areas().items()}
    assert found == {"south": (50, 40), "east": (60, 30), "north": (50, 20), "west": (40, 30)}


def test_stale_codes_give_way_to_ids_and_old_codes_are_read_in_their_order(tmp_path: Path) -> None:
    stale = [_button(8, (10, 20), id="z"), _button(16, (30, 20), id="start"), _button(2, (50, 20), id="a")]
    assert _skin(tmp_path / "1", [BODY, *stale], *PAIR).drawn == ("right_shoulder", "south", "start")
    old = [_button(0xEC00 + 4, (10, 20)), _button(0xEC00 + 13, (30, 20))]
    assert _skin(tmp_path / "2", [BODY, *old], *PAIR).drawn == ("dpad_up", "left_shoulder")


def test_what_shows_nothing_when_used_stays_in_the_picture_and_is_not_drawn(tmp_path: Path) -> None:
    same = _button(6, (40, 20), (130, 0, 8, 6))
    touchpad = _button(20, (60, 20))
    boxes = [*PAIR, (130, 0, 8, 6, BLUE), (130, 9, 8, 6, BLUE)]
    skin = _skin(tmp_path, [BODY, _button(9), same, touchpad], *boxes)
    assert skin.drawn == ("left_shoulder",)
    assert box_of(look(skin), BLUE) == (40, 20, 8, 6) and box_of(look(skin)[:, 55:], RED) == (5, 20, 8, 6)


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ([{"type": 2}], "malformed element"),
        ([{**BODY, "mapping": [0, 0, "wide", 1]}], "malformed element"),
        ([BODY], "no gamepad control"),
        ([_button(9, mapping=(250, 150, 5, 5))], "idle look is empty"),
    ],
)
def test_bad_layouts_are_refused_with_a_reason(tmp_path: Path, elements: list, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        _skin(tmp_path, elements)
