"""The player of Extreme Tux Racer, told where it is."""

from types import SimpleNamespace

import numpy as np
import pytest

from simulator.scripted.tux_racer import SlopeRacer

ANY = None  # these players take nothing from their environment


class Slope:
    """An environment of Extreme Tux Racer as its player sees it."""

    game_spec = SimpleNamespace(control_hz=60)

    def __init__(self):
        self.place = {"x": 45.0, "downhill": 0.0}
        self.backend = SimpleNamespace(launcher=SimpleNamespace(facts=lambda: self.place))


@pytest.mark.parametrize(("off", "sign"), [(10.0, -1), (-10.0, 1), (0.0, 0)])
def test_the_slope_racer_steers_back_to_the_middle_and_paddles_while_slow(off, sign):
    slope = Slope()
    racer = SlopeRacer(slope)
    assert racer.act(ANY).buttons[0].sum() == 1
    for step in range(1, 20):
        slope.place = {"x": 45.0 + off, "downhill": 3.0 * step}  # 30 m/s: fast
        chunk = racer.act(ANY)
    assert chunk.buttons.sum() == 0
    assert np.sign(np.round(chunk.sticks[-1, 0], 1)) == sign
