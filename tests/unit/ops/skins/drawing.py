"""Small skins that the tests draw themselves."""

from pathlib import Path

import cv2
import numpy as np

from ops.gamepad import DATASET
from ops.skins.form import Skin, SkinRenderer

RED, GREEN, BLUE, WHITE = (255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255), (255, 255, 255, 255)


def write_png(path: Path, width: int, height: int, *boxes: tuple[int, int, int, int, tuple[int, ...]]) -> Path:
    """Write a transparent PNG with filled boxes (x, y, w, h, RGBA)."""
    rgba = np.zeros((height, width, 4), np.uint8)
    for x, y, w, h, colour in boxes:
        rgba[y : y + h, x : x + w] = colour
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    return path


def look(skin: Skin, *press: str, sticks=(0, 0, 0, 0), triggers=None) -> np.ndarray:
    """Return the skin's picture at canvas size, (h, w, 4) uint8 premultiplied."""
    buttons = np.zeros(DATASET.num_buttons, np.float32)
    for name in press:
        buttons[DATASET.index(name)] = 1
    travel = None if triggers is None else np.asarray(triggers, np.float32)
    picture = SkinRenderer(skin, float(skin.width)).compose(buttons, np.asarray(sticks, np.float32), travel)
    return np.round(picture[: skin.height, : skin.width] * 255).astype(np.uint8)


def box_of(picture: np.ndarray, colour: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Return x, y, w, h of the pixels of a colour, None if there are none."""
    rows, columns = np.nonzero((np.abs(picture.astype(int) - colour) <= 2).all(axis=-1))
    if not len(rows):
        return None
    x, y = int(columns.min()), int(rows.min())
    return x, y, int(columns.max()) + 1 - x, int(rows.max()) + 1 - y
