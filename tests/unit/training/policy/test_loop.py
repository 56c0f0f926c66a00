"""The loop on a toy dataset: exact resume, refusals, learning."""

import dataclasses
import json

import pytest
import torch

from models.policy.checkpoint import save_policy
from models.policy.config import FlowConfig, PolicyConfig, StackConfig, VisionConfig
from models.policy.modeling import Policy
from ops.store.storage import Store
from tests.factories.policy_data import make_dataset
from training.policy import checkpoint as checkpoints
from training.policy.checkpoint import list_steps, load_state
from training.policy.config import AugmentConfig, DataConfig, OptimizerConfig, TrainConfig, learning_rate
from training.policy.loop import train
from training.policy.recipes import RECIPES, fine_tuned, get_recipe

BATCHES = ["batch-000001"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    torch.set_num_threads(1)
    store = Store(str(tmp_path_factory.mktemp("loop")))
    make_dataset(store, num_train=2, num_val=1, seconds=3, chunk_s=1.5)
    return store


def mini(**changes) -> TrainConfig:
    policy = PolicyConfig(
        vision=VisionConfig(hidden=32, layers=1, heads=2, mlp=32, image_px=32, patch_px=16, stem=(8, 16), name=""),
        mixing=StackConfig(1, 2, 16, dropout=0.1),
        dit=StackConfig(2, 2, 16, dropout=0.1),
        flow=FlowConfig(steps=4),
        horizon=4,
        control_hz=15.0,
        hidden=32,
        dit_output=32,
        max_positions=4,
    )
    config = TrainConfig(
        policy=policy,
        optimizer=OptimizerConfig(lr=1e-3, warmup_steps=1, decay_steps=1),
        data=DataConfig(batch_size=4, frame_stride=3, window_chunks=2, num_streams=2),
        augment=AugmentConfig(hue=0, saturation=0, rotation_deg=0, crop=0.1),
        steps=4,
        noise_draws=2,
        checkpoint_every=2,
        log_every=1,
    )
    return dataclasses.replace(config, **changes)


class KilledError(Exception):
    pass


def kill_at(step: int):
    def progress(now, total, row):
        if now == step:
            raise KilledError

    return progress


def same_weights(one, other) -> bool:
    return all(torch.equal(one.model[name], other.model[name]) for name in one.model) and all(
        torch.equal(one.ema[name], other.ema[name]) for name in one.ema
    )


@pytest.mark.parametrize("killed_at", [1, 3, 4])
def test_a_killed_run_ends_with_the_same_bits(store, killed_at):
    config = mini()
    straight = train(config, store, BATCHES, "runs/straight")
    assert straight.steps == 4
    with pytest.raises(KilledError):
        train(config, store, BATCHES, f"runs/killed-{killed_at}", kill_at(killed_at))
    resumed = train(config, store, BATCHES, f"runs/killed-{killed_at}")
    assert resumed.resumed_from == (0 if killed_at < 2 else 2)
    assert same_weights(
        load_state(store, "runs/straight", config), load_state(store, f"runs/killed-{killed_at}", config)
    )
    assert resumed.metrics == straight.metrics
    assert [row["step"] for row in resumed.metrics] == [1, 2, 3, 4]


def test_a_kill_while_writing_leaves_the_checkpoint_before(store, monkeypatch):
    config = mini()
    write_json = Store.write_json

    def fail(self, key, value):
        if key.endswith("step-00000004/metadata.json"):
            raise KilledError
        write_json(self, key, value)

    monkeypatch.setattr(Store, "write_json", fail)
    with pytest.raises(KilledError):
        train(config, store, BATCHES, "runs/torn")
    assert list_steps(store, "runs/torn") == [2]
    monkeypatch.undo()
    assert train(config, store, BATCHES, "runs/torn").resumed_from == 2


def test_a_finished_run_is_not_trained_again(store):
    train(mini(), store, BATCHES, "runs/twice")
    again = train(mini(), store, BATCHES, "runs/twice")
    assert (again.resumed_from, again.steps) == (4, 4)


def test_a_changed_config_is_refused_by_name(store):
    train(mini(steps=2), store, BATCHES, "runs/changed")
    changed = mini(steps=2, seed=5)
    changed = dataclasses.replace(changed, optimizer=dataclasses.replace(changed.optimizer, lr=0.5))
    with pytest.raises(ValueError, match=r"optimizer\.lr was 0\.001, is 0\.5; seed was 0, is 5"):
        train(changed, store, BATCHES, "runs/changed")


def test_old_checkpoints_go(store):
    train(mini(checkpoint_every=1), store, BATCHES, "runs/many")
    assert list_steps(store, "runs/many") == [3, 4]
    assert not [key for key in store.list("runs/many") if "step-00000001" in key]
    assert checkpoints._KEEP == 2


def test_frozen_parts_do_not_move_and_unknown_channels_are_reported(store):
    report = train(mini(freeze=("vision_encoder",), steps=3), store, BATCHES, "runs/frozen")
    one = load_state(store, "runs/frozen", mini(freeze=("vision_encoder",), steps=3))
    layout = mini().policy.action_layout
    assert report.known[layout.index("south")]
    assert not report.known[layout.index("guide")]
    for name in one.model:
        moved = not torch.equal(one.model[name], one.ema[name])
        assert not (moved and name.startswith("vision_encoder"))
    assert not torch.equal(one.model["model.proj_out_2.weight"], one.ema["model.proj_out_2.weight"])


@pytest.mark.parametrize("freeze_vision", [False, True])
def test_fine_tuning_starts_from_a_checkpoint_whole_or_with_its_eyes_shut(store, tmp_path, freeze_vision):
    base = mini(policy=dataclasses.replace(mini().policy, control_hz=30.0))
    torch.manual_seed(11)
    weights = Policy(base.policy).state_dict()
    save_policy(tmp_path / "base", base.policy, weights, {})
    config = fine_tuned(mini(steps=2), init=str(tmp_path / "base"), freeze_vision=freeze_vision)
    assert config.policy == base.policy  # the checkpoint's network, whatever the recipe's is
    train(config, store, BATCHES, f"runs/tuned-{freeze_vision}")
    after = load_state(store, f"runs/tuned-{freeze_vision}", config).model
    moved = {name.split(".")[0] for name in weights if not torch.equal(weights[name], after[name])}
    far = max((after[name] - weights[name]).abs().max() for name in weights)
    assert far < 0.05  # started there, and not anew
    assert (
        "model" in moved and ("vision_encoder" in moved) != freeze_vision and ("vision_stem" in moved) != freeze_vision
    )
    with pytest.raises(ValueError, match="not both"):
        fine_tuned(mini(), init="a", vision_init="b")


def test_metrics_are_json_lines_and_tensorboard(store):
    train(mini(), store, BATCHES, "runs/metrics")
    rows = store.read_bytes("runs/metrics/step-00000004/metrics.jsonl").decode().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [1, 2, 3, 4]
    assert any("tfevents" in key for key in store.list("runs/metrics/tensorboard"))


def test_bf16_trains(store):
    report = train(mini(precision="bf16", steps=2), store, BATCHES, "runs/bf16")
    assert 0 < report.loss < 100


def test_the_schedule_warms_up_holds_and_decays():
    config = mini(steps=10, optimizer=OptimizerConfig(lr=1.0, warmup_steps=3, decay_steps=3))
    rates = [learning_rate(step, config) for step in range(10)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 0.75, 0.5, 0.25])


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_are_valid_and_differ(name):
    assert get_recipe(name).steps > 0
    with pytest.raises(ValueError, match=r"tiny, small, paper, nitrogen-500m, got 'huge'"):
        get_recipe("huge")


@pytest.mark.parametrize("bad", [{"steps": 0}, {"precision": "fp8"}, {"steps": 1}])
def test_bad_configs_are_refused(bad):
    with pytest.raises(ValueError):
        mini(**bad)
