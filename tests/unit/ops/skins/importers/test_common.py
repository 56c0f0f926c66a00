"""What all importers share."""

import struct
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from ops.outcomes import BadInputError
from ops.skins.form import ControlArt, Skin, Sprite
from ops.skins.importers.common import (
    NO_AREA,
    face_positions,
    family_of,
    finished,
    merged,
    read_json,
    read_rgba,
    slug,
)


def test_lenient_json(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('\ufeff{ // a "note", with a comma,\n "u": "http://x, }", /* gone */ "v": [.5, -.25,], \n}')
    assert read_json(file) == {"u": "http://x, }", "v": [0.5, -0.25]}
    file.write_text('{"u": ')
    with pytest.raises(BadInputError, match="not JSON"):
        read_json(file)


@pytest.mark.parametrize(
    ("words", "family"),
    [
        (("DualSense", "white"), "ps5"),
        (("ps4", "Xbox One S"), "xbox_one"),
        (("Xbox Series X",), "xbox_series"),
        (("x360",), "xbox_360"),
        (("JoyCon_left",), "switch"),
        (("mine",), "generic"),
        ((), "generic"),
    ],
)
def test_the_last_telling_word_names_the_family(words: tuple, family: str) -> None:
    assert family_of(*words) == family


def test_a_slug_is_lower_case_words_without_repeats_in_a_row() -> None:
    assert slug("io", "My Pad", "my pad!", "Pad (2)") == "io-my-pad-my-pad-2"
    assert slug("a", "a", "A") == "a" and slug("é!") == ""


def test_faces_in_a_diamond_are_named_by_place_and_others_by_label() -> None:
    labels = {"A": "south", "B": "east", "X": "west", "Y": "north"}
    nintendo = {"A": (20, 10), "B": (10, 20), "X": (10, 0), "Y": (0, 10)}
    assert face_positions(labels, nintendo) == {"A": "east", "B": "south", "X": "north", "Y": "west"}
    in_line = {"A": (0, 0), "B": (10, 0), "X": (20, 0), "Y": (30, 0)}
    assert face_positions(labels, in_line) == labels
    assert face_positions(labels, {"A": (0, 0)}) == labels


def test_sprites_are_merged_in_order_on_whole_pixels() -> None:
    red, blue = np.zeros((2, 4, 4), np.float32), np.zeros((2, 2, 4), np.float32)
    red[:], blue[:] = (1, 0, 0, 1), (0, 0, 1, 1)
    one = merged([Sprite(red, 10, 5), Sprite(blue, 12, 6)])
    assert one is not None and (one.x, one.y, one.rgba.shape) == (10, 5, (3, 4, 4))
    assert one.rgba[1, 3].tolist() == [0, 0, 1, 1] and one.rgba[1, 1].tolist() == [1, 0, 0, 1]
    assert not one.rgba[2, 0].any() and merged([]) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "is missing"),
        (b"GIF89a", "not a PNG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(8) + struct.pack(">II", 9000, 2), "9000x2 px; at most 8192"),
        (b"\x89PNG\r\n\x1a\n" + bytes(8) + struct.pack(">II", 2, 2), "damaged"),
    ],
)
def test_pictures_that_cannot_be_read_say_why(tmp_path: Path, data: bytes | None, message: str) -> None:
    if data is not None:
        (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(BadInputError, match=message):
        read_rgba(tmp_path / "a.png")


@pytest.mark.parametrize(
    "picture",
    [
        np.full((2, 3), 51, np.uint8),
        np.full((2, 3), 51 * 257, np.uint16),
        np.full((2, 3, 3), 51, np.uint8),
        np.full((2, 3, 4), 51 * 257, np.uint16),
    ],
)
def test_any_png_becomes_rgba(tmp_path: Path, picture: np.ndarray) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    rgba = read_rgba(tmp_path / "a.png")
    assert rgba.shape == (2, 3, 4) and rgba[..., :3].min() == rgba[..., :3].max() == 51
    assert rgba[0, 0, 3] == (51 if picture.ndim == 3 and picture.shape[2] == 4 else 255)


def _skin(width: int, *boxes: tuple[str, int, int]) -> Skin:
    """A white body, and buttons of some pixels a side that turn red."""
    controls = {}
    for name, x, side in boxes:
        off, on = np.ones((side, side, 4), np.float32), np.zeros((side, side, 4), np.float32)
        on[..., [0, 3]] = 1
        controls[name] = ControlArt(NO_AREA, Sprite(off, x, 4), Sprite(on, x, 4))
    body = Sprite(np.ones((20, width, 4), np.float32), 0, 0)
    return Skin("a", "generic", width, 20, body, controls)


@pytest.mark.parametrize(("width", "side", "shown"), [(16, 1, True), (320, 2, True), (640, 2, False), (640, 3, True)])
def test_what_a_press_must_change_grows_with_the_canvas(width: int, side: int, shown: bool) -> None:
    skin = finished(_skin(width, ("south", 3, side), ("east", 10, 6)))
    assert ("south" in skin.controls) == shown
    assert "south" in skin.controls or "south" in skin.statics, "what is not shown still belongs to the look"
    area = skin.controls["east"].area
    assert (area.cx, area.cy, area.half_width) == (13, 7, 3)


def test_skins_that_show_nothing_are_refused() -> None:
    with pytest.raises(BadInputError, match="no gamepad control is drawn"):
        finished(_skin(100))
    with pytest.raises(BadInputError, match="canvas of 9000x20"):
        finished(replace(_skin(100, ("south", 5, 5)), width=9000))
    empty = Sprite(np.zeros((20, 100, 4), np.float32), 0, 0)
    with pytest.raises(BadInputError, match="the idle look is empty"):
        finished(replace(_skin(100), body=empty))
