"""The loop on a toy dataset: exact resume, refusals, learning."""

import dataclasses

import pytest
import torch

from models.policy.checkpoint import save_policy
from models.policy.modeling import Policy
from tests.factories.policy_runs import BATCHES, KilledError, kill_at, mini
from training.policy.checkpoint import load_state
from training.policy.loop import train
from training.policy.recipes import fine_tuned


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


def test_a_finished_run_is_not_trained_again(store):
    train(mini(), store, BATCHES, "runs/twice")
    again = train(mini(), store, BATCHES, "runs/twice")
    assert (again.resumed_from, again.steps) == (4, 4)


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


def test_bf16_trains(store):
    report = train(mini(precision="bf16", steps=2), store, BATCHES, "runs/bf16")
    assert 0 < report.loss < 100
