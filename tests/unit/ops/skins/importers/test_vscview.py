"""The written rules of VSCView layouts, on pictures drawn here."""

import json
from pathlib import Path

import pytest

from ops.outcomes import BadInputError
from ops.skins.form import Skin
from ops.skins.importers import vscview
from ops.skins.importers.common import read_json
from tests.unit.ops.skins.drawing import BLUE, GREEN, RED, WHITE, box_of, look, write_png


def _image(name: str, x: float, y: float, w: float, h: float, **more) -> dict:
    return {"type": "image", "image": name, "x": x, "y": y, "width": w, "height": h, "center": True} | more


def _skin(folder: Path, *nodes: dict) -> Skin:
    for name, colour in {"white": WHITE, "red": RED, "green": GREEN, "blue": BLUE}.items():
        write_png(folder / "themes" / "parts" / f"{name}.png", 10, 10, (0, 0, 10, 10, colour))
    layout = folder / "themes" / "pad" / "All.json"
    layout.parent.mkdir(parents=True, exist_ok=True)
    layout.write_text(json.dumps({"name": "x", "width": 100, "height": 60, "children": list(nodes)}))
    return vscview.import_skin(read_json(layout), layout, vscview.theme_root(layout, folder))


def _body(*children: dict) -> dict:
    return _image("\\PARTS\\white.png", 50, 30, 80, 40, children=list(children))


def _shown(expression: str, *children: dict, **more) -> dict:
    return {"type": "showhide", "input": expression, "children": list(children)} | more


PRESS = _shown("quad_right:s", _image("\\parts\\Green.png", 20, 10, 6, 4))


def test_children_are_placed_from_their_parents_centre_and_shown_while_pressed(tmp_path: Path) -> None:
    skin = _skin(tmp_path, _body(PRESS))
    assert skin.skin_id == "vscview-pad-all" and skin.drawn == ("south",)
    assert box_of(look(skin), WHITE) == (10, 10, 80, 40)
    assert box_of(look(skin, "south"), GREEN) == (67, 38, 6, 4)


def test_a_stick_slides_and_its_click_is_a_picture_of_its_own(tmp_path: Path) -> None:
    click = _shown("stick_left:click", _image("\\parts\\blue.png", -20, 0, 20, 20))
    slider = {"type": "slider", "x": -20, "y": 0, "inputX": "stick_left:x * 16", "inputY": "stick_left:y * 16",
              "children": [_image("\\parts\\red.png", 0, 0, 8, 8)]}  # fmt: skip
    skin = _skin(tmp_path, _body(click, slider))
    assert skin.areas()["left_stick"].travel == 16
    assert box_of(look(skin), RED) == (26, 26, 8, 8)
    assert box_of(look(skin, sticks=(0.5, -1, 0, 0)), RED) == (34, 10, 8, 8)
    pressed = look(skin, "left_thumb")
    assert box_of(pressed, BLUE) == (20, 20, 20, 20) and box_of(pressed, RED) == (26, 26, 8, 8)


def test_a_trigger_slides_below_the_body_and_lights_up_as_soon_as_it_is_pulled(tmp_path: Path) -> None:
    lit = _shown("triggers:l:stage2 OR If(triggers:l:analog > 0, 1, 0)", _image("\\parts\\green.png", 0, 0, 10, 8))
    trigger = {"type": "slider", "x": 20, "y": 6, "inputY": "triggers:l:analog * 6",
               "children": [_image("\\parts\\red.png", 0, 0, 10, 8), lit]}  # fmt: skip
    skin = _skin(tmp_path, trigger, _body(PRESS))
    assert box_of(look(skin), RED) == (15, 2, 10, 8)
    assert box_of(look(skin, triggers=(0.5, 0)), GREEN) == (15, 5, 10, 5)
    assert box_of(look(skin, "left_trigger"), GREEN) == (15, 8, 10, 2)


def test_a_bar_fills(tmp_path: Path) -> None:
    bar = {"type": "pbar", "x": 0, "y": 0, "width": 10, "height": 20, "center": True, "input": "triggers:r:analog",
           "direction": "up", "foreground": "ff00ff00", "background": "ffff0000"}  # fmt: skip
    skin = _skin(tmp_path, _body(bar))
    assert box_of(look(skin), RED) == (45, 20, 10, 20)
    assert box_of(look(skin, triggers=(0, 0.25)), GREEN) == (45, 35, 10, 5)


def test_touch_is_left_out_and_motion_is_drawn_at_rest(tmp_path: Path) -> None:
    touch = {"type": "trailpad", "image": "none.png", "x": 0, "y": 0, "width": 3, "height": 3, "input": "touch"}
    motion = {"type": "basic3d1", "image": "\\parts\\blue.png", "x": -20, "y": 0, "width": 8, "height": 8}
    skin = _skin(tmp_path, _body(PRESS, touch, motion))
    assert skin.drawn == ("south",) and box_of(look(skin), BLUE) == (26, 26, 8, 8)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (_image("gone.png", 0, 0, 5, 5), "'gone.png' is missing"),
        (_image("..\\..\\x.png", 0, 0, 5, 5), "outside the theme"),
        (_image("\\parts\\red.png", 0, 0, 5, 5, rot=30), "is turned"),
        ({"type": "showhide", "children": []}, "malformed node"),
        ({"children": ["text"]}, "malformed node"),
    ],
)
def test_bad_nodes_are_refused_with_a_reason(tmp_path: Path, node: dict, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        _skin(tmp_path, _body(PRESS, node))
