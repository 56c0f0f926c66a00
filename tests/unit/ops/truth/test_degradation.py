import numpy as np

from ops.truth.degradation import DegradationConfig, blend, lay_under

NEVER = DegradationConfig(0, 0, 0, 0, 0)


def _frames() -> np.ndarray:
    return np.full((3, 40, 60, 3), 100, np.uint8)


def test_a_box_covers_what_is_drawn_and_nothing_else() -> None:
    alpha = np.zeros((40, 60), np.float32)
    alpha[10, 20], alpha[29, 49] = 1, 1
    frames = _frames()
    lay_under(np.random.default_rng(1), frames, lambda: alpha, DegradationConfig(box=1))
    changed = (frames != 100).any(axis=-1)
    assert changed[:, 10:30, 20:50].all() and changed.sum() == 3 * 20 * 30


def test_a_fringe_is_strongest_where_the_overlay_is() -> None:
    alpha = np.zeros((40, 60), np.float32)
    alpha[15:25, 20:40] = 1
    frames = _frames()
    lay_under(np.random.default_rng(2), frames, lambda: alpha, DegradationConfig(box=0, fringe=1))
    change = np.abs(frames[0].astype(int) - 100).sum(axis=-1)
    assert change[20, 30] > change[20, 44] and change[2, 2] == 0


def test_without_either_the_frames_stay() -> None:
    frames = _frames()
    lay_under(np.random.default_rng(3), frames, lambda: np.ones((40, 60), np.float32), NEVER)
    assert (frames == 100).all()


def test_blended_frames_are_means_and_what_changed_is_unknown() -> None:
    frames = _frames()
    frames[2] = 200
    buttons = np.array([[0, 1], [1, 1], [1, 1]], np.float32)
    sticks, triggers = np.array([[0.0], [9], [1]], np.float32), np.zeros((3, 2), np.float32)
    blend(frames, buttons, sticks, triggers)
    assert (frames[1] == 150).all() and np.isnan(buttons[1, 0]) and buttons[1, 1] == 1 and sticks[1, 0] == 0.5
