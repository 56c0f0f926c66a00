import json

import numpy as np
import pytest

from simulator.env import GameEnv
from simulator.play.policies import ActionChunk, NoOpPolicy, RandomPolicy
from simulator.play.rollout import Evaluation, beats, bootstrap_interval, evaluate, rollout, wilson_interval
from simulator.scripted import make_scripted


@pytest.fixture
def short_env():
    env = GameEnv("Doom", width=160, height=120, time_limit_s=3.0)
    yield env
    env.close()


def test_a_rollout_follows_its_seed_and_keeps_film(short_env):
    first = rollout(RandomPolicy(), short_env, seed=4, film_every=30)
    again = rollout(RandomPolicy(), short_env, seed=4)
    assert (first.episode_return, first.num_frames) == (again.episode_return, again.num_frames)
    assert first.num_frames == 90
    assert len(first.film) == 4
    assert again.film == ()


def test_chunks_are_played_open_loop_and_cut_at_the_end(short_env):
    class Blind:
        looks = 0

        def reset(self, seed):
            pass

        def act(self, observation):
            self.looks += 1
            return ActionChunk(np.zeros((8, 16), np.int8), np.zeros((8, 4), np.float32))

    policy = Blind()
    report = rollout(policy, short_env, seed=0)
    assert report.num_frames == 90
    assert policy.looks == 12  # 11 whole chunks and one that the time limit cuts


def test_evaluate_sums_up_and_is_jsonable():
    evaluation, reports = evaluate(lambda env: NoOpPolicy(), "Doom", "DefendLine", seeds=(0, 1), width=160, height=120)
    assert evaluation.returns == (0.0, 0.0)  # who never shoots never hits
    assert evaluation.success_rate == 0
    assert [report.seed for report in reports] == [0, 1]
    assert json.loads(json.dumps(evaluation.to_dict()))["task"] == "DefendLine"
    with pytest.raises(ValueError, match="at least one seed"):
        evaluate(lambda env: NoOpPolicy(), "Doom", None, seeds=())


@pytest.mark.parametrize("task", ["Gallery", "DefendLine", "DefendCenter"])
def test_the_scripted_player_beats_random(task):
    summaries = {}
    for name, make in {"scripted": make_scripted, "random": lambda env: RandomPolicy()}.items():
        summaries[name], _ = evaluate(make, "Doom", task, seeds=range(4), width=160, height=120)
    assert beats(summaries["scripted"], summaries["random"])
    assert not beats(summaries["random"], summaries["scripted"])


def test_intervals():
    low, high = wilson_interval(8, 10)
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)
    assert wilson_interval(0, 20)[0] == 0
    assert wilson_interval(20, 20)[1] == 1
    with pytest.raises(ValueError, match="3 of 2"):
        wilson_interval(3, 2)
    values = np.random.default_rng(1).normal(10, 2, 50)
    low, high = bootstrap_interval(values)
    assert low < values.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(50), rel=0.15)
    assert bootstrap_interval([3.0]) == (3.0, 3.0)
    with pytest.raises(ValueError, match="n >= 1"):
        bootstrap_interval([])


def test_equal_policies_do_not_beat_each_other():
    def summary(returns):
        return Evaluation("g", "t", (0,) * len(returns), returns, (), (), 0, (0, 0), 0, (0, 0))

    assert not beats(summary((1.0, 2.0, 3.0)), summary((1.0, 2.0, 2.9)))
