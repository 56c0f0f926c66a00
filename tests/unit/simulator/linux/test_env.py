"""The toy as a Gymnasium environment."""

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from simulator.env import GameEnv
from simulator.games import GAMES
from tests.unit.simulator.linux.conftest import FULL_MAP, toy_spec
from tests.unit.simulator.linux.test_backend import CENTRE, PLAY, REST, pressed


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
    monkeypatch.setitem(GAMES, "Toy", toy_spec(getattr(request, "param", FULL_MAP)))
    env = GameEnv("Toy", render_mode="rgb_array")
    yield env
    env.close()


@pytest.mark.parametrize("toy", [PLAY], indirect=True)
def test_gymnasiums_checker_passes(toy):
    check_env(toy)


def test_leaving_the_game_terminates_and_the_rule_reads_its_exit_code(toy):
    toy.reset(seed=1)
    _, _, terminated, truncated, info = toy.step({"buttons": REST, "sticks": CENTRE}, frames=3)
    assert (terminated, truncated, info["success"]) == (False, False, False)
    observation, _, terminated, _, info = toy.step({"buttons": pressed("start"), "sticks": CENTRE}, frames=5)
    assert terminated
    assert info["success"]
    assert observation.std() > 0


def test_the_time_limit_truncates(monkeypatch):
    monkeypatch.setitem(GAMES, "Toy", toy_spec())
    env = GameEnv("Toy", time_limit_s=0.1)
    try:
        env.reset(seed=1)
        *_, terminated, truncated, info = env.step({"buttons": REST, "sticks": np.zeros(4)}, frames=60)
        assert (terminated, truncated, info["num_frames"]) == (False, True, 6)
    finally:
        env.close()
