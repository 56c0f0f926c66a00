import numpy as np

from training.detector.layouts import Spot
from training.detector.painter import CANVAS_PX, NUM_STATES, drawn_bounds, outline_of, random_pad


def test_the_same_generator_paints_the_same_pad() -> None:
    first, second = (random_pad(np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first.states, second.states)
    assert first.marks == second.marks


def test_a_pad_has_its_controls_inside_what_it_draws() -> None:
    for seed in range(12):
        pad = random_pad(np.random.default_rng(seed))
        assert pad.states.shape[0] == NUM_STATES
        assert pad.states.shape[2] <= CANVAS_PX
        assert (pad.states[..., :3] <= pad.states[..., 3:].astype(int) + 1).all()
        x, y, w, h = pad.box
        for mark in pad.marks.values():
            assert x - 2 <= mark.centre[0] <= x + w + 2
            assert y - 2 <= mark.centre[1] <= y + h + 2


def test_states_of_play_differ_from_the_idle_one() -> None:
    pads = [random_pad(np.random.default_rng(seed)) for seed in range(6)]
    changed = [np.abs(pad.states[1:].astype(int) - pad.states[0]).max(axis=(1, 2, 3)) > 20 for pad in pads]
    assert np.mean(changed) > 0.7


def test_bounds_are_those_of_what_is_drawn() -> None:
    rgba = np.zeros((20, 30, 4), np.uint8)
    rgba[4:10, 6:21, 3] = 200
    rgba[0, 0, 3] = 12  # below the alpha that counts
    assert drawn_bounds(rgba) == (6.0, 4.0, 15.0, 6.0)
    assert drawn_bounds(np.zeros((4, 4, 4), np.uint8)) == (0.0, 0.0, 0.0, 0.0)


def test_the_arms_of_a_cross_point_inwards() -> None:
    spot = Spot((0, 0), (0.02, 0.03), "arm")
    assert outline_of(spot, "dpad_up", 0)[:, 1].max() > -outline_of(spot, "dpad_up", 0)[:, 1].min()
    assert -outline_of(spot, "dpad_right", 0)[:, 0].min() > outline_of(spot, "dpad_right", 0)[:, 0].max()
