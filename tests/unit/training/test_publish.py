"""From shards to a published policy, its metrics and its actions; and once through Ray with two workers."""

import dataclasses
import json

import numpy as np
import pytest

from tests.factories.policy_runs import BATCHES, KilledError, kill_at, mini
from training.evaluation.evaluate import EvalConfig, evaluate
from training.publish import build_offline, train_policy
from training.serving.infer import open_policy

QUICK = EvalConfig(frame_stride=15, num_samples=1, num_resamples=50, train_chunks=2, block_s=1.5)


def test_publishing_again_does_nothing_and_a_kill_loses_nothing(store):
    before = store.read_json("policy/checkpoint/manifest.json")
    again = train_policy(store, BATCHES, mini(steps=3), "policy/checkpoint", "mini")
    assert not again.changed
    assert again.steps == 3
    with pytest.raises(KilledError):
        train_policy(store, BATCHES, mini(steps=3, seed=1), "policy/other", "mini", kill_at(3))
    assert not store.exists("policy/other/manifest.json")
    assert train_policy(store, BATCHES, mini(steps=3, seed=1), "policy/other", "mini").resumed_from == 2
    assert store.read_json("policy/checkpoint/manifest.json") == before


def test_offline_metrics_are_plain_complete_and_kept(store):
    metrics = build_offline(store, BATCHES, config=QUICK)
    json.dumps(metrics, allow_nan=False)
    assert set(metrics["scores"]) == {"policy", "null", "last", "mean"}
    assert metrics["num_videos"] == 2
    assert metrics["bootstrap_unit"] == "block"
    assert len(metrics["horizon"]["policy"]) == mini().policy.horizon
    assert build_offline(store, BATCHES, config=QUICK) == metrics


class Oracle:
    """Looks at the labels that the evaluation holds, through the toy picture: the block's place is the stick."""

    def __init__(self, actor, error: float) -> None:
        self.config, self.error, self.steps = actor.config, error, actor.steps

    def act_from(self, frames, noise, steps):
        red = frames[:, 0].astype(float) - frames[:, 1:].max(axis=1)
        columns = np.maximum(red - 40, 0).sum(axis=1) + 1e-6
        x = (columns * (np.arange(32) + 0.5) / 32).sum(axis=1) / columns.sum(axis=1)
        out = np.full((len(frames), self.config.horizon, self.config.action_dim), 0.0, np.float32)
        out[..., -4:] = 0.5
        out[..., -4] = x[:, None] + self.error
        out[..., self.config.action_layout.index("south")] = (np.abs(x - 0.5) < 0.1)[:, None]
        return out


def test_what_sees_the_picture_beats_what_does_not(store):
    actor = open_policy(store, "policy/checkpoint")
    good = evaluate(Oracle(actor, 0.0), store, BATCHES, dataclasses.replace(QUICK, frame_stride=3))
    assert good["scores"]["policy"]["stick_r2"]["value"] > 0.5
    assert good["scores"]["mean"]["stick_r2"]["value"] < 0.1
    assert good["gains"]["null"]["stick_r2"]["better"]
    assert good["gains"]["null"]["button_f1"]["better"]
    assert good["scores"]["null"]["button_f1"]["value"] == 0
    first, last = good["horizon"]["last"][0], good["horizon"]["last"][-1]
    assert first["stick_r2"] > last["stick_r2"]
    bad = evaluate(Oracle(actor, 0.3), store, BATCHES, dataclasses.replace(QUICK, frame_stride=3))
    assert bad["scores"]["policy"]["stick_mae"]["value"] > good["scores"]["policy"]["stick_mae"]["value"] + 0.1
    assert not bad["gains"]["null"]["stick_r2"]["better"]
