"""The player of Kobo Deluxe, shown drawn radars."""

import numpy as np
import pytest

from simulator.scripted.kobo import KoboPilot

ANY = None  # these players take nothing from their environment


def radar(*bases):
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[243:246, 556:559] = 200  # the ship
    for x, y in bases:
        picture[y - 2 : y + 3, x - 2 : x + 3] = 200
    return picture


@pytest.mark.parametrize(
    ("base", "heading"), [((600, 244), (1, 0)), ((557, 150), (0, -1)), ((520, 290), (-1, 1)), ((590, 200), (1, -1))]
)
def test_the_kobo_pilot_flies_to_the_nearest_base(base, heading):
    chunk = KoboPilot(ANY).act(radar(base, (495, 120)))
    assert tuple(np.round(chunk.sticks[0, :2] * 1.5).clip(-1, 1)) == heading
    assert chunk.buttons[0].sum() == 1


def test_the_kobo_pilot_without_a_base_rests_its_thumb():
    assert not KoboPilot(ANY).act(radar()).sticks.any()
