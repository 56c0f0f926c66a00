"""Thumbs lag and tremble, fingers are never still for long."""

import numpy as np

from ops.gamepad import BENCHMARK
from simulator.scripted.human import Fidgets, Thumb


def test_hands_are_human():
    rng = np.random.default_rng(0)
    thumb = Thumb(0.3, 0.03)
    path = np.array([thumb.move((1, -1), rng) for _ in range(40)])
    assert 0.2 < path[0, 0] < 0.4  # it lags
    assert (np.hypot(*path.T) <= 1 + 1e-9).all()
    assert path[20:].std() > 0  # it trembles
    resting = [thumb.move((0, 0), rng) for _ in range(60)]
    assert not resting[-1].any()
    fidgets = Fidgets(10)
    seen = {button for _ in range(20_000) for button in fidgets.press(rng)}
    assert seen == set(BENCHMARK.buttons) - {"right_trigger"}  # that one has work to do
