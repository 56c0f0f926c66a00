"""The proof that the whole path learns: toy shards in, a policy out that acts on what it sees."""

import dataclasses

import pytest
import torch

from ops.store.storage import Store
from tests.factories.policy_data import make_dataset
from training.evaluation.evaluate import EvalConfig
from training.policy.config import OptimizerConfig
from training.policy.recipes import tiny, with_shuffled_labels
from training.publish import build_offline, train_policy

BATCHES = ["batch-000001"]


def quick():
    """The tiny recipe at half its resolution, with fewer steps and shorter chunks of actions."""
    config = tiny()
    vision = dataclasses.replace(config.policy.vision, image_px=64, patch_px=32, stem=(16, 32, 48))
    return dataclasses.replace(
        config,
        policy=dataclasses.replace(config.policy, vision=vision, horizon=2),
        optimizer=OptimizerConfig(lr=1e-3, warmup_steps=20, decay_steps=80, ema_decay=0.95),
        steps=220,
        checkpoint_every=220,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    torch.set_num_threads(1)
    store = Store(str(tmp_path_factory.mktemp("learning")))
    make_dataset(store, num_train=8, num_val=5, seconds=6, chunk_s=3)
    return store


def offline(store, config, key) -> dict:
    train_policy(store, BATCHES, config, key)
    return build_offline(store, BATCHES, key, f"{key}-offline", EvalConfig(frame_stride=6, num_samples=1))


def test_the_policy_beats_what_does_not_look(store):
    metrics = offline(store, quick(), "policy/checkpoint")
    assert metrics["bootstrap_unit"] == "video"
    assert metrics["scores"]["policy"]["stick_r2"]["value"] > 0.6
    for baseline in ("null", "mean"):
        assert metrics["gains"][baseline]["stick_r2"]["better"]
        assert metrics["gains"][baseline]["stick_mae"]["better"]
        assert metrics["gains"][baseline]["button_f1"]["better"]


def test_shuffled_labels_teach_nothing(store):
    metrics = offline(store, with_shuffled_labels(quick()), "policy/shuffled")
    assert metrics["scores"]["policy"]["stick_r2"]["value"] < 0.1
    assert not metrics["gains"]["mean"]["stick_r2"]["better"]
    assert metrics["explained"] == []
