"""Policy checkpoints: our own folder, and the single file of the released model.

Ours is a folder that appears whole: `model.safetensors`, `config.json`, `README.md` (a card). The released form is a
`torch.save` file with the keys `model`, `step`, `epoch` and `ckpt_config`, here always read with `weights_only=True`.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.policy.config import FlowConfig, PolicyConfig, StackConfig, VisionConfig
from models.policy.modeling import Policy
from ops.storage import to_json

WEIGHTS: Final = "model.safetensors"
CONFIG: Final = "config.json"
CARD: Final = "README.md"
#: Published encoders of the shape that `VisionConfig` has by default.
_LARGE_ENCODERS: Final = ("google/siglip2-large-patch16-256", "google/siglip-large-patch16-256")
#: Our key for the encoder's shape, which other readers ignore; the released file names its encoder instead.
_OUR_VISION: Final = "vision_cfg"


def save_policy(folder: Path, config: PolicyConfig, weights: dict[str, Tensor], facts: dict[str, Any]) -> None:
    """Write a checkpoint folder; it appears whole or not at all.

    Args:
        folder: where; must not exist yet.
        config: shape of the network.
        weights: its state_dict.
        facts: what the card states: `recipe`, `steps`, `known` (per channel, whether training knew its labels).

    Raises:
        FileExistsError: the folder is there.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists; remove it or save elsewhere")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=folder.parent) as name:
        temporary = Path(name) / folder.name
        temporary.mkdir()
        plain = {key: value.detach().cpu().contiguous() for key, value in weights.items()}
        save_file(plain, temporary / WEIGHTS)
        (temporary / CONFIG).write_bytes(to_json({"policy": config.to_dict(), "facts": facts}))
        (temporary / CARD).write_text(make_card(config, facts), encoding="utf-8")
        for file in temporary.iterdir():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
        temporary.rename(folder)


def load_policy_weights(path: Path) -> tuple[PolicyConfig, dict[str, Tensor], dict[str, Any]]:
    """Return (config, state_dict, facts) of a checkpoint folder or of a file of the released form.

    Raises:
        FileNotFoundError: there is no checkpoint.
        ValueError: the file is of another form.
    """
    if path.is_dir():
        stored = json.loads((path / CONFIG).read_bytes())
        return PolicyConfig.from_dict(stored["policy"]), load_file(path / WEIGHTS), stored["facts"]
    released = torch.load(path, map_location="cpu", weights_only=True)
    missing = {"model", "ckpt_config"} - set(released)
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}; a released checkpoint has model and ckpt_config")
    facts = {"recipe": released["ckpt_config"].get("experiment_name", ""), "steps": released.get("step", 0)}
    return from_ckpt_config(released["ckpt_config"]), released["model"], facts


def load_weights(policy: Policy, path: str) -> None:
    """Load a checkpoint's weights into a policy of the same shape.

    Raises:
        ValueError: the checkpoint is of a policy of another shape.
    """
    config, weights, _ = load_policy_weights(Path(path))
    try:
        policy.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{path} is of another network ({config}); use its config: {error}") from error


def save_released(path: Path, config: PolicyConfig, weights: dict[str, Tensor], name: str, step: int) -> None:
    """Write a file of the released form, with which programs that read `ng.pt` can work.

    Raises:
        ValueError: the policy predicts actions; such programs take its output for velocities.
    """
    contents = {"model": weights, "step": step, "epoch": 0, "ckpt_config": to_ckpt_config(config, name)}
    torch.save(contents, path)


def from_ckpt_config(values: dict[str, Any]) -> PolicyConfig:
    """Return the config of a released checkpoint; keys that we have no use for are ignored.

    The file does not say at which rate its action rows follow each other; we take the 60 Hz at which it is played.

    Raises:
        ValueError: it needs something that this network does not have.
    """
    model, tokenizer, modality = values["model_cfg"], values["tokenizer_cfg"], values["modality_cfg"]
    dit, mixing = model["diffusion_model_cfg"], model["vl_self_attention_cfg"]
    unsupported = {
        "positional embeddings inside the blocks": dit.get("positional_embeddings"),
        "game conditioning": tokenizer.get("game_mapping_cfg"),
        "the old action layout": tokenizer.get("old_layout"),
        "several frames per sample": modality.get("frame_per_sample", 1) > 1,
        "blocks that all attend to the image": not dit.get("interleave_self_attention", True),
        f"encoder {model.get('vision_encoder_name')!r}": _OUR_VISION not in model
        and model.get("vision_encoder_name") not in _LARGE_ENCODERS,
    }
    named = [name for name, value in unsupported.items() if value]
    if named:
        raise ValueError(f"this network has no {', '.join(named)}; only checkpoints like the released one can be read")
    return PolicyConfig(
        vision=VisionConfig(**model[_OUR_VISION]) if _OUR_VISION in model else VisionConfig(),
        mixing=_stack(mixing),
        dit=_stack(dit),
        flow=FlowConfig(
            alpha=model.get("noise_beta_alpha", 1.5),
            beta=model.get("noise_beta_beta", 1.0),
            shift=model.get("noise_s", 0.999),
            buckets=model.get("num_timestep_buckets", 1000),
            steps=model.get("num_inference_timesteps") or 16,
        ),
        horizon=model["action_horizon"],
        action_shift=modality["action_shift"],
        hidden=model["hidden_size"],
        dit_output=dit["output_dim"],
        max_positions=model["max_seq_len"],
    )


def _stack(values: dict[str, Any]) -> StackConfig:
    heads, head_dim = values["num_attention_heads"], values["attention_head_dim"]
    return StackConfig(values["num_layers"], heads, head_dim, values.get("dropout", 0.0))


def to_ckpt_config(config: PolicyConfig, name: str) -> dict[str, Any]:
    """Return the `ckpt_config` that a released checkpoint of this shape carries."""
    if config.flow.predicts != "velocity" or config.layout != "model" or config.vision.stem:
        raise ValueError(
            "the released form is for policies without a stem that predict velocities in the 'model' layout, got "
            f"{config.flow.predicts!r}, {config.layout!r} and stem {config.vision.stem}; keep the folder form"
        )
    common = {"attention_bias": True, "activation_fn": "gelu-approximate", "final_dropout": True}
    common |= {"positional_embeddings": None, "compute_dtype": "float32"}

    def stack(part: StackConfig) -> dict[str, Any]:
        shape = {"num_layers": part.layers, "num_attention_heads": part.heads, "attention_head_dim": part.head_dim}
        return common | shape | {"dropout": part.dropout, "output_dim": config.dit_output}

    norm = {"norm_type": "ada_norm", "norm_eps": 1e-5, "norm_elementwise_affine": False, "cross_attention_dim": None}
    return {
        "experiment_name": name,
        "model_cfg": {
            "model_type": "nitrogen",
            "add_pos_embed": True,
            "model_dtype": "float32",
            "diffusion_model_cfg": stack(config.dit) | norm | {"interleave_self_attention": True},
            "vl_self_attention_cfg": stack(config.mixing),
            "hidden_size": config.hidden,
            "max_seq_len": config.max_positions,
            "action_dim": config.action_dim,
            "action_horizon": config.horizon,
            "noise_beta_alpha": config.flow.alpha,
            "noise_beta_beta": config.flow.beta,
            "noise_s": config.flow.shift,
            "num_timestep_buckets": config.flow.buckets,
            "num_inference_timesteps": config.flow.steps,
            "vision_encoder_name": config.vision.name,
            "vision_hidden_size": config.vision.hidden,
            _OUR_VISION: asdict(config.vision),
        },
        "tokenizer_cfg": {
            "tokenizer_id": "nitrogen",
            "num_visual_tokens_per_frame": config.vision.num_tokens,
            "max_action_dim": config.action_dim,
            "max_sequence_length": config.vision.num_tokens,
            "action_horizon": config.horizon,
            "game_mapping_cfg": None,
            "old_layout": False,
        },
        "modality_cfg": {
            "frame_per_sample": 1,
            "frame_spacing": config.horizon,
            "action_per_chunk": config.horizon,
            "action_shift": config.action_shift,
            "action_interleaving": False,
            "token_set": "new",
        },
    }


def make_card(config: PolicyConfig, facts: dict[str, Any]) -> str:
    """Return the card of a policy as Markdown."""
    layout = config.action_layout
    known: Sequence[bool] = facts.get("known") or [True] * layout.dim
    unseen = [name for name, seen in zip(layout.buttons, known, strict=False) if not seen]
    lines = [
        "# overplay policy",
        "",
        f"One {config.vision.image_px} px frame in, {config.horizon} rows of {layout.dim} action channels out: "
        f"row k is for {config.action_shift} + k periods of 1/{config.control_hz:g} s after the frame.",
        "",
        f"- Channels: layout `{config.layout}` (buttons by position, then left x, y, right x, y; y down).",
        f"- Recipe: {facts.get('recipe') or 'unknown'}, {facts.get('steps', 0)} steps; averaged weights.",
        f"- Inference: {config.flow.steps} Euler steps of flow matching.",
    ]
    if unseen:
        lines.append(f"- Never labelled in training, so always released: {', '.join(unseen)}.")
    return "\n".join([*lines, ""])
