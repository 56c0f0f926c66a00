"""Drawing a skin in any state, size, place and opacity."""

from functools import lru_cache

import numpy as np
import pytest

from ops.gamepad import DATASET_BUTTONS, STICKS
from ops.skins.families import FAMILIES
from ops.skins.form import Skin, SkinRenderer, dpad_direction
from ops.skins.procedural import STYLES, make_skin
from ops.skins.template import DRAWN_ALPHA
from ops.truth.synthesize import make_pad_trace
from tests.factories.overlays import REST, pressed

#: One skin of each family; each style twice. The whole library is drawn below in coarse.
SAMPLE = [f"{family}-{STYLES[number % 4]}-{1 + number // 4:02d}" for number, family in enumerate(FAMILIES)]


make = lru_cache(maxsize=None)(make_skin)


def _draw(skin: Skin, buttons=None, sticks=REST, triggers=None, width: float | None = None) -> np.ndarray:
    renderer = SkinRenderer(skin, width or skin.width)
    return renderer.compose(pressed() if buttons is None else buttons, np.asarray(sticks, np.float32), triggers)


def _changed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return (n, 2) x, y of pixels that differ visibly."""
    rows, columns = np.nonzero(np.abs(first - second).max(axis=-1) > 0.06)
    return np.stack([columns, rows], axis=1) + 0.5


@pytest.mark.parametrize("skin_id", SAMPLE)
def test_a_press_shows_where_the_control_is_and_nowhere_else(skin_id: str) -> None:
    skin = make(skin_id)
    idle = _draw(skin)
    for name, area in skin.areas().items():
        if name in STICKS:
            continue
        points = _changed(_draw(skin, pressed(name)), idle)
        assert len(points) >= 12, f"{name}: pressed looks like idle"
        reach = np.array([area.half_width, area.half_height]) + 0.03 * skin.width
        assert (np.abs(points - (area.cx, area.cy)) <= reach).all(), f"{name}: drawn elsewhere too"


@pytest.mark.parametrize("skin_id", SAMPLE)
def test_sticks_move_by_their_travel_down_being_positive(skin_id: str) -> None:
    skin = make(skin_id)
    for index, stick in enumerate(STICKS):
        art = skin.controls[stick]
        for axis in (0, 1):
            sticks = REST.copy()
            sticks[2 * index + axis] = 1
            moved = SkinRenderer(skin, skin.width)._stick(stick, False, sticks[2 * index : 2 * index + 2])
            rest = SkinRenderer(skin, skin.width)._stick(stick, False, REST[:2])
            weights = [placed.rgba[..., 3] for placed in (moved, rest)]
            centres = [
                np.array([(w * grid).sum() / w.sum() for grid in np.mgrid[: w.shape[0], : w.shape[1]]])[::-1]
                for w in weights
            ]
            shift = centres[0] - centres[1] + (moved.x - rest.x, moved.y - rest.y)
            expected = np.eye(2)[axis] * art.area.travel
            np.testing.assert_allclose(shift, expected, atol=0.3)


def test_the_dead_zone_is_drawn_as_centred() -> None:
    from dataclasses import replace

    skin = replace(make("ps4-flat-01"), dead_zone=0.2)
    assert not len(_changed(_draw(skin, sticks=[0.19, 0, 0, -0.19]), _draw(skin)))
    assert len(_changed(_draw(skin, sticks=[0.25, 0, 0, 0]), _draw(skin)))


def test_unknown_is_drawn_as_idle() -> None:
    skin = make("ps4-flat-01")
    unknown = _draw(skin, np.full(17, np.nan, np.float32), np.full(4, np.nan, np.float32))
    np.testing.assert_array_equal(unknown, _draw(skin))


@pytest.mark.parametrize("skin_id", SAMPLE[::3])
def test_what_was_drawn_before_leaves_nothing_behind(skin_id: str) -> None:
    """One renderer through a trace draws what a new one draws of each state alone."""
    skin, states = make(skin_id), list(zip(*make_pad_trace(np.random.default_rng(4), 8, events=8), strict=True))
    used, frames = SkinRenderer(skin, 233.4, -6.3, 4.8, 0.7), np.full((2, 140, 220, 3), 90, np.uint8)
    for state in [*states, *states[::3]]:
        renderers, frames[:] = (used, SkinRenderer(skin, 233.4, -6.3, 4.8, 0.7)), 90
        np.testing.assert_array_equal(*(renderer.compose(*state) for renderer in renderers))
        for renderer, frame in zip(renderers, frames, strict=True):
            renderer.draw(frame, *state)
        np.testing.assert_array_equal(*frames)


@pytest.mark.parametrize("mode", ["fill_up", "opacity", "binary"])
def test_an_analog_trigger_shows_more_the_further_it_is_pulled(mode) -> None:
    from dataclasses import replace

    skin = replace(make("xbox_one-flat-01"), trigger_mode=mode)
    idle, full = _draw(skin), _draw(skin, pressed("left_trigger"))
    shown = [
        float(np.abs(_draw(skin, pressed("left_trigger"), triggers=np.array([t, 0])) - idle).sum())
        for t in (0, 0.4, 0.6, 1)
    ]
    assert shown[0] == 0 and shown[3] == pytest.approx(float(np.abs(full - idle).sum()), rel=1e-4)
    if mode == "binary":
        assert shown[1] == 0 and shown[2] == shown[3]
    else:
        assert 0 < shown[1] < shown[2] < shown[3]


@pytest.mark.parametrize(("width", "x", "y"), [(300, 20.0, 10.0), (251.3, 7.25, 3.6)])
def test_the_box_is_the_bounds_of_what_is_drawn_into_the_frame(width: float, x: float, y: float) -> None:
    skin = make("xbox_one-flat-01")
    renderer = SkinRenderer(skin, width, x, y)
    drawn = np.zeros((260, 360), bool)
    for level in (0, 255):
        frame = np.full((260, 360, 3), level, np.uint8)
        renderer.draw(frame, pressed(), REST)
        drawn |= np.abs(frame.astype(int) - level).max(axis=-1) > 255 * DRAWN_ALPHA
    rows, columns = np.nonzero(drawn)
    left, top, box_width, box_height = renderer.box
    found = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    np.testing.assert_allclose(found, (left, top, left + box_width, top + box_height), atol=1.2)


def test_drawing_is_deterministic_clipped_and_scaled_by_opacity() -> None:
    frames = []
    for opacity in (1.0, 1.0, 0.5):
        frame = np.full((100, 120, 3), 60, np.uint8)
        SkinRenderer(make_skin("switch-solid-01"), 200, -40.5, 30.2, opacity).draw(frame, pressed("south"), REST)
        frames.append(frame.astype(int) - 60)
    np.testing.assert_array_equal(frames[0], frames[1])
    assert np.abs(frames[0]).max() > 40
    np.testing.assert_allclose(frames[2], frames[0] / 2, atol=1.01)


def test_a_size_or_opacity_of_nothing_is_refused() -> None:
    for options in ({"width_px": 0}, {"width_px": 9, "opacity": 0}, {"width_px": 9, "opacity": 1.1}):
        with pytest.raises(ValueError, match="got"):
            SkinRenderer(make("ps4-flat-01"), **options)


def test_a_drawn_thumb_button_is_where_its_stick_is() -> None:
    skin = make("ps4-flat-01")
    areas = skin.areas()
    assert {"left_thumb", "right_thumb"} <= set(areas) <= set(DATASET_BUTTONS) | set(STICKS)
    assert areas["left_thumb"] == areas["left_stick"]


def test_opposite_directions_of_a_whole_dpad() -> None:
    assert dpad_direction(True, True, True, True) == 6  # up and right
    assert [dpad_direction(*state) for state in ((0, 0, 1, 0), (0, 1, 0, 0), (0, 1, 1, 0))] == [1, 4, 7]
