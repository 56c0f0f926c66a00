"""The player of SuperTux, shown noise and a wall."""

import numpy as np

from simulator.scripted.supertux import TuxRunner

ANY = None  # these players take nothing from their environment


def test_tux_runs_and_hops_and_takes_a_step_back_where_the_picture_stands_still():
    rng, runner = np.random.default_rng(0), TuxRunner(ANY)
    moving = [runner.act(rng.integers(0, 255, (90, 160, 3), dtype=np.uint8)) for _ in range(40)]
    assert min(chunk.sticks[-1, 0] for chunk in moving[3:]) > 0.7
    jumps = np.concatenate([chunk.buttons.sum(1) for chunk in moving]) - 1
    assert 0.4 < jumps.mean() < 0.95
    wall = np.full((90, 160, 3), 90, np.uint8)
    assert min(runner.act(wall).sticks[-1, 0] for _ in range(40)) < -0.5
