"""The player of Neverball, on an endless floor."""

from types import SimpleNamespace

import numpy as np
import pytest

from simulator.scripted.neverball import BallRoller
from tests.unit.simulator.scripted.test_neverball_level import a_level

ANY = None  # these players take nothing from their environment


class Floor:
    """A ball on an endless floor, and its environment as the player sees it; the view turns all the time."""

    game_spec = SimpleNamespace(control_hz=60)
    task = SimpleNamespace(launch={"arguments": ("-l", "level.sol")})

    def __init__(self):
        self.place, self.speed, self.heading = np.array([1.0, -1.0]), np.zeros(2), 0.0
        self.backend = SimpleNamespace(launcher=SimpleNamespace(facts=self.facts))

    def facts(self):
        return {"x": self.place[0], "z": self.place[1], "heading": self.heading}

    def step(self, stick, wall=-np.inf):
        """Let a frame pass; `wall` is a coordinate on z that the ball does not get below."""
        right = np.array([np.cos(self.heading), np.sin(self.heading)])
        ahead = np.array([np.sin(self.heading), -np.cos(self.heading)])
        self.speed += 3.4 / 60 * (stick[0] * right - stick[1] * ahead)
        self.place = self.place + self.speed / 60
        if self.place[1] < wall:
            self.place[1], self.speed[1] = wall, 0
        self.heading += 0.01


@pytest.fixture
def roll(tmp_path, monkeypatch):
    """Return what rolls a ball for 400 looks in a level that needs so many coins, and gives its trail (frames, 2)."""

    def run(num_needed, wall=-np.inf):
        (tmp_path / "level.sol").write_bytes(a_level(letters=b"\0goal\000%d\0\0" % num_needed))
        monkeypatch.setattr("simulator.scripted.neverball._DATA", tmp_path)
        floor, trail = Floor(), []
        roller = BallRoller(floor)
        for _ in range(400):
            for stick in roller.act(ANY).sticks:
                assert np.hypot(*stick[:2]) <= 1.001
                floor.step(stick, wall)
                trail.append(floor.place)
        return np.array(trail)

    return run


def test_the_ball_roller_takes_coins_that_open_the_goal_and_rolls_into_it(roll):
    trail = roll(num_needed=6)
    reached = [np.hypot(*(trail - place).T) for place in ((-2.5, -3.5), (1, 4), (1, -17))]
    first = [int(np.argmax(distance < 0.4)) for distance in reached]
    assert all(distance.min() < 0.4 for distance in reached), [float(d.min()) for d in reached]
    assert first[0] < first[1] < first[2]  # the nearest coin, the other one, then the goal


def test_the_ball_roller_leaves_a_coin_that_it_cannot_get(roll):
    trail = roll(num_needed=5, wall=-2.0)  # the nearest coin lies behind it
    assert np.hypot(*(trail - (1, 4)).T).min() < 0.4
