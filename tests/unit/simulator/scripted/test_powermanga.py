"""The player of Powermanga, shown drawn space."""

import numpy as np
import pytest

from simulator.scripted.powermanga import StarPilot

ANY = None  # these players take nothing from their environment


def space(ship, *others):
    picture = np.zeros((400, 640, 3), np.uint8)
    picture[ship[1] - 16 : ship[1] + 16, ship[0] - 16 : ship[0] + 16] = (230, 30, 30)
    for x, y in others:
        picture[y - 10 : y + 10, x - 10 : x + 10] = (150, 120, 90)
    return picture


@pytest.mark.parametrize(("enemy", "sign"), [((400, 100), 1), ((100, 100), -1)])
def test_the_star_pilot_gets_below_an_enemy_and_keeps_firing(enemy, sign):
    pilot = StarPilot(ANY)
    for _ in range(3):
        chunk = pilot.act(space((250, 300), enemy))
    assert np.sign(chunk.sticks[-1, 0]) == sign
    assert chunk.buttons.sum() == chunk.num_actions


def test_the_star_pilot_steps_aside_from_what_is_near():
    pilot = StarPilot(ANY)
    for _ in range(3):
        chunk = pilot.act(space((250, 300), (290, 270)))
    assert chunk.sticks[-1, 0] < -0.5
