import io

import numpy as np
import pytest
from PIL import Image

from ops.drawing.charts import bar_chart, line_chart, stick_traces
from ops.drawing.pictures import FOUND, beside, data_uri, draw_box, encode, film_strip, grid, pad_panel
from ops.gamepad import DATASET

FRAME = np.full((360, 640, 3), 90, dtype=np.uint8)
RELEASED = np.zeros(DATASET.num_buttons)
CENTRED = np.zeros(4)


def _differs(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape != b.shape or bool((np.abs(a.astype(int) - b.astype(int)) > 40).any())


def test_pictures_survive_their_encoding() -> None:
    panel = pad_panel(RELEASED, CENTRED)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode(panel)))), panel)
    assert data_uri(encode(panel)).startswith("data:image/png;base64,")
    assert data_uri(encode(FRAME, quality=80)).startswith("data:image/jpeg;base64,")


def test_box_is_drawn_where_it_was_found() -> None:
    picture = draw_box(FRAME, [320, 180, 100, 60], "xbox_360", width=320)
    assert picture.shape == (180, 320, 3)
    assert tuple(picture[90 + 15, 160]) == FOUND
    assert tuple(picture[90 + 15, 160 + 25]) == (90, 90, 90)


@pytest.mark.parametrize("channel", range(DATASET.num_buttons))
def test_panel_shows_every_button(channel: int) -> None:
    pressed = RELEASED.copy()
    pressed[channel] = 1
    unknown = RELEASED.copy()
    unknown[channel] = np.nan
    panels = [pad_panel(state, CENTRED) for state in (RELEASED, pressed, unknown)]
    assert _differs(panels[0], panels[1])
    if not DATASET.buttons[channel].endswith("_thumb"):  # an unknown stick is crossed out, not its click
        assert _differs(panels[0], panels[2])


@pytest.mark.parametrize("axis", range(4))
def test_panel_shows_every_axis(axis: int) -> None:
    moved = CENTRED.copy()
    moved[axis] = -1
    unknown = CENTRED.copy()
    unknown[axis] = np.nan
    panels = [pad_panel(RELEASED, sticks) for sticks in (CENTRED, moved, unknown)]
    assert _differs(panels[0], panels[1])
    assert _differs(panels[0], panels[2])


def test_layouts_have_room_for_all() -> None:
    assert grid([FRAME] * 3, 2, gap_px=4).shape == (360 * 2 + 4, 640 * 2 + 4, 3)
    assert beside(FRAME, FRAME[:100]).shape == (360, 640 * 2 + 6, 3)
    assert film_strip([FRAME] * 7, [str(second) for second in range(7)], num_columns=3, width=100).shape[1] == 312
    with pytest.raises(ValueError, match="a text for each of 1 frames"):
        film_strip([FRAME], [])
    with pytest.raises(ValueError, match="at least one picture"):
        grid([], 2)


def test_charts_draw_what_they_are_given() -> None:
    x = np.arange(5000) / 60
    wave = np.stack([np.sin(x + shift) for shift in range(4)], axis=1)
    read = wave.copy()
    read[100:900, 0] = np.nan
    assert _differs(stick_traces(x, read, wave), stick_traces(x, read))
    flat = line_chart({"loss": ([0, 1, 2], [1.0, 1.0, 1.0])}, "flat", "step")
    assert flat.shape == (220, 640, 3)
    assert _differs(flat, line_chart({"loss": ([0, 1, 2], [1.0, np.nan, 1.0])}, "flat", "step"))
    assert line_chart({"none": ([], [])}, "empty").shape == (220, 640, 3)
    assert bar_chart({"found": 2.0, "kept": 0.0}, "funnel", "h").shape == (28 + 52, 640, 3)
    with pytest.raises(ValueError, match="as many x as y"):
        line_chart({"loss": ([0, 1], [1.0])}, "wrong")
