"""Play while time goes on: the policy's thinking costs game time, and late actions are dropped."""

import time

import numpy as np
import pytest

from simulator.checks.realtime import play_realtime
from simulator.env import GameEnv
from simulator.games import GAMES
from simulator.play.policies import ActionChunk, NoOpPolicy
from tests.unit.simulator.toy import PLAY, needs_a_compiler_and_a_display, toy_spec  # noqa: F401


class Slow:
    """Needs 80 ms for a chunk of ten actions, whose sticks count them."""

    def reset(self, seed):
        pass

    def act(self, observation):
        time.sleep(0.08)
        sticks = np.zeros((10, 4), np.float32)
        sticks[:, 0] = np.arange(1, 11) / 10
        return ActionChunk(np.zeros((10, 16), np.int8), sticks)


@pytest.fixture
def env(monkeypatch):
    monkeypatch.setitem(GAMES, "Toy", toy_spec(PLAY))
    env = GameEnv("Toy", time_limit_s=1.5, mode="realtime")
    yield env
    env.close()


def test_a_slow_policy_plays_on_from_where_its_chunk_belongs(env):
    report = play_realtime(Slow(), env, seed=0, film_every=30)
    assert report.num_frames == 90
    assert 1.2 < report.wall_s < 6
    assert report.num_chunks >= 3
    assert min(report.delays_s) >= 0.08
    assert report.num_dropped > 0
    assert len(report.film) == 3
    assert report.sticks.shape == (90, 4)
    first = np.flatnonzero(report.sticks[:, 0])[0]
    assert report.sticks[first, 0] > 0.1 + 1e-6, "the first action was for a frame that is past"
    assert env.backend.launcher.facts()["presents"] >= 2


def test_what_the_policy_raises_is_raised(env):
    class Broken(NoOpPolicy):
        def act(self, observation):
            raise ZeroDivisionError("nothing to think with")

    with pytest.raises(ZeroDivisionError, match="nothing to think with"):
        play_realtime(Broken(), env, seed=0)


def test_a_game_that_only_steps_says_so():
    with pytest.raises(ValueError, match="got 'realtime' for Doom, of the backend vizdoom"):
        GameEnv("Doom", mode="realtime")
