"""Contact sheets: skins in the idle and in pressed states, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ops.gamepad import CONTROLS, DATASET, STICKS, Floats
from ops.skins.form import Skin, SkinRenderer
from ops.skins.template import Pixels

#: What skins are drawn on: dark and light ones are both seen.
_GREY = 96
#: Height of the line above a picture, and where its text stands in it.
_CAPTION_PX = 16
_CAPTION_LEFT_PX = 3
_CAPTION_BASE_PX = 12
#: Size of the text, as OpenCV scales its font.
_CAPTION_SCALE = 0.38
_WHITE = (255, 255, 255)
#: Pictures in a row of several skins: one for each state of `overview`.
_OVERVIEW_COLUMNS = 3

State = tuple[str, Floats, Floats]


def _state(caption: str, buttons: Sequence[str], axes: Sequence[float] = (0, 0, 0, 0)) -> State:
    values = np.zeros(DATASET.num_buttons, dtype=np.float32)
    for name in buttons:
        values[DATASET.index(name)] = 1
    return caption, values, np.asarray(axes, dtype=np.float32)


def each_control(skin: Skin) -> list[State]:
    """Return the idle state and one state per control that the skin draws, alone; sticks full right and down."""
    states = [_state(f"{skin.skin_id}: idle", ())]
    for name in (control for control in CONTROLS if control in skin.areas()):
        if name in STICKS:
            full = (1, 1, 0, 0) if name == STICKS[0] else (0, 0, 1, 1)
            states.append(_state(name, (), full))
        else:
            states.append(_state(name, (name,)))
    return states


def overview(skin: Skin) -> list[State]:
    """Return three states of a skin: idle, all buttons down, sticks at their ends."""
    shown = [name for name in DATASET.buttons if name in skin.areas()]
    return [
        _state(skin.skin_id, ()),
        _state(f"{len(shown)} buttons", shown),
        _state("sticks", (), (-1, -1, 1, 1)),
    ]


def contact_sheet(skins: Sequence[Skin], width_px: int = 320, columns: int = 5) -> Pixels:
    """Return a sheet (h, w, 3) uint8 RGB: every control of one skin, or a row of three states for each of several.

    Args:
        skins: what to draw; at least one.
        width_px: of each picture.
        columns: pictures in a row, for one skin.
    """
    if not skins:
        raise ValueError("a contact sheet needs at least one skin, got none")
    if len(skins) == 1:
        cells = [_cell(skins[0], state, width_px) for state in each_control(skins[0])]
    else:
        cells, columns = [_cell(skin, state, width_px) for skin in skins for state in overview(skin)], _OVERVIEW_COLUMNS
    blank = np.full((1, width_px, 3), _GREY, dtype=np.uint8)
    cells.extend([blank] * (-len(cells) % columns))
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    return np.concatenate([_row(row) for row in rows])


def one_state(skin: Skin, press: Sequence[str], axes: Sequence[float], width_px: int) -> Pixels:
    """Return one picture (h, w, 3) uint8 RGB of a skin with some buttons down and its sticks at `axes` (4)."""
    return _cell(skin, _state("", press, axes), width_px)[_CAPTION_PX:]


def _row(cells: Sequence[Pixels]) -> Pixels:
    height = max(len(cell) for cell in cells)
    return np.concatenate([np.pad(c, ((0, height - len(c)), (0, 0), (0, 0)), mode="edge") for c in cells], axis=1)


def _cell(skin: Skin, state: State, width_px: int) -> Pixels:
    import cv2

    caption, buttons, axes = state
    height = max(1, round(width_px * skin.height / skin.width))
    frame = np.full((height + _CAPTION_PX, width_px, 3), _GREY, dtype=np.uint8)
    SkinRenderer(skin, float(width_px), 0.0, float(_CAPTION_PX)).draw(frame, buttons, axes)
    place = (_CAPTION_LEFT_PX, _CAPTION_BASE_PX)
    cv2.putText(frame, caption, place, cv2.FONT_HERSHEY_SIMPLEX, _CAPTION_SCALE, _WHITE, 1, cv2.LINE_AA)
    return frame
