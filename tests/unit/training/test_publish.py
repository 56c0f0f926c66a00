"""From shards to a published policy, its metrics and its actions; and once through Ray with two workers."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from ops.gamepad import BENCHMARK
from ops.store.storage import Store
from tests.factories.policy_data import make_dataset
from tests.unit.training.policy.test_loop import BATCHES, KilledError, kill_at, mini
from training.evaluation.evaluate import EvalConfig, evaluate
from training.publish import build_offline, train_policy
from training.serving.infer import fit_view, open_policy

QUICK = EvalConfig(frame_stride=15, num_samples=1, num_resamples=50, train_chunks=2, block_s=1.5)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    torch.set_num_threads(1)
    store = Store(str(tmp_path_factory.mktemp("publish")))
    make_dataset(store, num_train=2, num_val=2, seconds=3, chunk_s=1.5)
    train_policy(store, BATCHES, mini(steps=3), "policy/checkpoint", "mini")
    return store


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


def test_the_actor_plays_by_the_contract(store):
    actor = open_policy(store, "policy/checkpoint")
    frame = np.random.default_rng(0).integers(0, 256, (90, 160, 3), dtype=np.uint8)
    buttons, sticks = actor(frame, seed=3)
    assert buttons.shape == (actor.horizon, BENCHMARK.num_buttons)
    assert sticks.shape == (actor.horizon, 4)
    assert set(np.unique(buttons)) <= {0.0, 1.0}
    assert np.abs(sticks).max() <= 1
    for one, other in zip(actor(frame, seed=3), (buttons, sticks), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(actor(frame, seed=4)[1], sticks)


def test_channels_without_labels_stay_at_rest(store):
    actor = open_policy(store, "policy/checkpoint", threshold=None)
    layout = actor.config.action_layout
    packed = actor.act(np.zeros((1, 32, 32, 3), np.uint8), torch.Generator().manual_seed(0))
    assert (packed[..., layout.index("guide")] == 0).all()
    assert (packed[..., layout.index("south")] != 0).any()
    actor.known[-4:] = False
    assert (actor(np.zeros((9, 9, 3), np.uint8), 0)[1] == 0).all()


def test_observations_are_brought_to_a_square_by_area():
    wide = np.zeros((512, 1024, 3), np.uint8)
    wide[:, ::2] = 200
    assert fit_view(wide, 128).shape == (128, 128, 3)
    assert set(np.unique(fit_view(wide, 128))) == {100}
    with pytest.raises(ValueError, match=r"got \(4, 4\)"):
        fit_view(np.zeros((4, 4), np.uint8), 128)


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


@pytest.mark.timeout(280)
def test_two_workers_train_what_one_trains(store):
    """One worker is killed, two go on through Ray Train (gloo), and one ends it: the losses are those of one alone."""
    ray = pytest.importorskip("ray")
    from training.policy.ray_train import train_on_ray

    policy = dataclasses.replace(
        mini().policy,
        mixing=dataclasses.replace(mini().policy.mixing, dropout=0.0),
        dit=dataclasses.replace(mini().policy.dit, dropout=0.0),
    )
    plain = dict.fromkeys(("brightness", "contrast", "crop"), 0)
    config = mini(policy=policy, augment=dataclasses.replace(mini().augment, **plain), steps=6)
    from training.policy.loop import train

    alone = train(config, store, BATCHES, "runs/alone")
    with pytest.raises(KilledError):
        train(config, store, BATCHES, "runs/pair", kill_at(3))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        pair = train_on_ray(config, store, BATCHES, "runs/pair", num_workers=2)
    finally:
        ray.shutdown()
    assert (pair.resumed_from, pair.steps) == (2, 6)
    for one, other in zip(alone.metrics, pair.metrics, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert other["grad_norm"] == pytest.approx(one["grad_norm"], rel=1e-3)
    store.remove("runs/pair/step-00000006")  # as if it had been killed in its last steps
    last = train(config, store, BATCHES, "runs/pair")
    assert last.resumed_from == 4
    assert last.metrics[-1]["loss"] == pytest.approx(alone.metrics[-1]["loss"], rel=1e-4)
