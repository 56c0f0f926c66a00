import dataclasses

import pytest
import torch

from models.policy.checkpoint import (
    from_ckpt_config,
    load_policy_weights,
    load_weights,
    save_policy,
    save_released,
    to_ckpt_config,
)
from models.policy.config import FlowConfig, nitrogen_500m
from models.policy.modeling import Policy
from tests.unit.models.policy.test_modeling import mini


@pytest.fixture(scope="module")
def policy():
    torch.manual_seed(1)
    return Policy(mini())


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_our_form_round_trips_and_appears_whole(policy, tmp_path):
    facts = {"recipe": "mini", "steps": 3, "known": [True] * 24 + [False]}
    save_policy(tmp_path / "made", policy.config, policy.state_dict(), facts)
    config, weights, stored = load_policy_weights(tmp_path / "made")
    assert (config, stored) == (policy.config, facts)
    assert same(weights, policy.state_dict())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made"]
    assert "mini, 3 steps" in (tmp_path / "made" / "README.md").read_text()
    with pytest.raises(FileExistsError):
        save_policy(tmp_path / "made", policy.config, policy.state_dict(), facts)


def test_same_policy_same_bytes(policy, tmp_path):
    for name in ("one", "two"):
        save_policy(tmp_path / name, policy.config, policy.state_dict(), {})
    for file in ("model.safetensors", "config.json", "README.md"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_failed_write_leaves_nothing(policy, tmp_path):
    with pytest.raises(TypeError):
        save_policy(tmp_path / "made", policy.config, policy.state_dict(), {"bad": object()})
    assert list(tmp_path.iterdir()) == []


def test_the_released_form_round_trips_without_unpickling(policy, tmp_path):
    save_released(tmp_path / "ng.pt", policy.config, policy.state_dict(), "mini", 7)
    raw = torch.load(tmp_path / "ng.pt", weights_only=True)
    assert sorted(raw) == ["ckpt_config", "epoch", "model", "step"]
    config, weights, facts = load_policy_weights(tmp_path / "ng.pt")
    assert same(weights, policy.state_dict())
    assert (config.horizon, config.vision, config.mixing, config.dit) == (
        5,
        *(getattr(policy.config, name) for name in ("vision", "mixing", "dit")),
    )
    assert facts == {"recipe": "mini", "steps": 7}


def released_config() -> dict:
    """The configuration that the released file is known to hold, with a key that nobody has a use for."""
    common = {"attention_head_dim": 64, "num_attention_heads": 16, "dropout": 0.2, "positional_embeddings": None}
    return {
        "experiment_name": "released",
        "model_cfg": {
            "action_dim": 25,
            "action_horizon": 18,
            "add_pos_embed": True,
            "diffusion_model_cfg": common | {"num_layers": 8, "output_dim": 1024, "interleave_self_attention": True},
            "hidden_size": 1024,
            "max_seq_len": 1024,
            "noise_beta_alpha": 1.6,
            "noise_beta_beta": 0.8,
            "noise_s": 0.999,
            "num_inference_timesteps": 16,
            "num_timestep_buckets": 1000,
            "vision_encoder_name": "google/siglip2-large-patch16-256",
            "vision_hidden_size": 1024,
            "vl_self_attention_cfg": common | {"num_layers": 4, "output_dim": 26},
        },
        "tokenizer_cfg": {"old_layout": False, "game_mapping_cfg": None, "use_action_mask": False},
        "modality_cfg": {"frame_per_sample": 1, "action_shift": 3, "something_new": 1},
    }


def test_the_released_config_is_the_preset():
    assert from_ckpt_config(released_config()) == nitrogen_500m()
    assert from_ckpt_config(to_ckpt_config(nitrogen_500m(), "ours")) == nitrogen_500m()


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("tokenizer_cfg", "old_layout", True, "old action layout"),
        ("tokenizer_cfg", "game_mapping_cfg", {"src_files": []}, "game conditioning"),
        ("modality_cfg", "frame_per_sample", 4, "several frames"),
        ("model_cfg", "vision_encoder_name", "google/other", "give its shape"),
        ("model_cfg", "max_num_embodiments", 2, "several embodiments"),
        ("model_cfg", "action_dim", 24, "24 action channels"),
    ],
)
def test_what_the_network_lacks_is_refused_by_name(section, key, value, message):
    values = released_config()
    values[section][key] = value
    with pytest.raises(ValueError, match=message):
        from_ckpt_config(values)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("interleave_self_attention", None, "attend to the image"),
        ("positional_embeddings", None, "positional embeddings"),
        ("norm_eps", 1e-6, "another norm"),
        ("attention_bias", False, "without biases"),
        ("activation_fn", "geglu", "activation"),
    ],
)
def test_a_denoiser_of_another_kind_is_refused_also_by_what_its_config_leaves_out(key, value, message):
    values = released_config()
    dit = values["model_cfg"]["diffusion_model_cfg"]
    if value is None:
        del dit[key]  # the released reader's default is what this network lacks
    else:
        dit[key] = value
    with pytest.raises(ValueError, match=message):
        from_ckpt_config(values)


def test_absent_keys_have_the_released_reader_s_defaults():
    values = released_config()
    for name in ("noise_beta_alpha", "noise_beta_beta", "noise_s", "num_inference_timesteps", "action_horizon"):
        del values["model_cfg"][name]
    values["modality_cfg"], values["tokenizer_cfg"]["action_horizon"] = {}, 12
    config = from_ckpt_config(values)
    assert (config.flow, config.action_shift, config.horizon) == (FlowConfig(1.5, 1.0, 0.999), 1, 12)


def test_encoders_are_known_by_name_or_given():
    values = released_config()
    values["model_cfg"] |= {"vision_encoder_name": "google/siglip2-base-patch16-384", "hidden_size": 768}
    for part in ("diffusion_model_cfg", "vl_self_attention_cfg"):
        values["model_cfg"][part] |= {"num_attention_heads": 12, "output_dim": 768}
    vision = from_ckpt_config(values).vision
    assert (vision.hidden, vision.layers, vision.heads, vision.mlp, vision.num_tokens) == (768, 12, 12, 3072, 576)
    values["model_cfg"]["vision_encoder_name"] = "somewhere/else"
    assert from_ckpt_config(values, vision).vision == vision


def test_other_forms_and_shapes_are_refused(policy, tmp_path):
    torch.save({"weights": 1}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="ckpt_config"):
        load_policy_weights(tmp_path / "other.pt")
    save_policy(tmp_path / "made", policy.config, policy.state_dict(), {})
    with pytest.raises(ValueError, match="another network"):
        load_weights(Policy(mini(horizon=4, max_positions=4)), str(tmp_path / "made"))
    with pytest.raises(ValueError, match="velocities"):
        save_released(tmp_path / "a.pt", mini(flow=FlowConfig(predicts="action")), {}, "", 0)
    with pytest.raises(ValueError, match="'dataset'"):
        to_ckpt_config(dataclasses.replace(mini(), layout="dataset"), "")
