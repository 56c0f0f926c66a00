"""Policy checkpoints: our own folder, and the single file of the released model.

Ours is a folder that appears whole: `model.safetensors`, `config.json`, `README.md` (a card). The released form is a
`torch.save` file with the keys `model`, `step`, `epoch` and `ckpt_config`, here always read with `weights_only=True`.
"""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.policy.config import FlowConfig, PolicyConfig, StackConfig, VisionConfig
from models.policy.dit import BLOCK_EPS
from models.policy.modeling import Policy
from ops.gamepad import MODEL
from ops.store.storage import to_json

WEIGHTS: Final = "model.safetensors"
CONFIG: Final = "config.json"
CARD: Final = "README.md"
#: Published encoders whose width the other parts can have: their names tell patch and picture, the size the rest.
_ENCODERS: Final = re.compile(r"google/siglip2?-(base|large)-patch(\d+)-(\d+)")
_ENCODER_SIZES: Final[dict[str, dict[str, Any]]] = {
    "base": {"hidden": 768, "layers": 12, "heads": 12, "mlp": 3072},
    "large": {"hidden": 1024, "layers": 24, "heads": 16, "mlp": 4096},
}
_POSITIONS: Final = "position_embedding.weight"
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


def load_policy_weights(
    path: Path, vision: VisionConfig | None = None
) -> tuple[PolicyConfig, dict[str, Tensor], dict[str, Any]]:
    """Return (config, state_dict, facts) of a checkpoint folder or of a file of the released form.

    Args:
        path: the checkpoint.
        vision: shape of the image encoder, for files of the released form that name one which is not published.

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
    config, weights = from_ckpt_config(released["ckpt_config"], vision), dict(released["model"])
    if not released["ckpt_config"]["model_cfg"].get("add_pos_embed", False):
        weights[_POSITIONS] = torch.zeros(config.max_positions, config.hidden)  # adding nothing is what it does
    return config, weights, facts


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
    plain = {key: value.detach().cpu().contiguous() for key, value in weights.items()}
    contents = {"model": plain, "step": step, "epoch": 0, "ckpt_config": to_ckpt_config(config, name)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        torch.save(contents, temporary)
        temporary.replace(path)


def from_ckpt_config(values: dict[str, Any], vision: VisionConfig | None = None) -> PolicyConfig:
    """Return the config of a released checkpoint; keys that we have no use for are ignored.

    A key that is absent has the default that the released reader gives it. The file does not say at which rate its
    action rows follow each other; we take the 60 Hz at which it is played.

    Args:
        values: the file's `ckpt_config`.
        vision: shape of the image encoder where its name does not tell it.

    Raises:
        ValueError: it needs something that this network does not have.
    """
    model, tokenizer = values["model_cfg"], values.get("tokenizer_cfg") or {}
    modality = values.get("modality_cfg") or {}
    dit, mixing = model["diffusion_model_cfg"], model["vl_self_attention_cfg"]
    vision = vision or _read_vision(model)
    _refuse_unknown(model, tokenizer, modality, vision)
    assert vision is not None
    return PolicyConfig(
        vision=vision,
        mixing=_stack(mixing),
        dit=_stack(dit),
        flow=FlowConfig(
            alpha=model.get("noise_beta_alpha", 1.5),
            beta=model.get("noise_beta_beta", 1.0),
            shift=model.get("noise_s", 0.999),
            buckets=model.get("num_timestep_buckets", 1000),
            steps=model.get("num_inference_timesteps") or 16,
        ),
        horizon=model.get("action_horizon") or tokenizer.get("action_horizon", 16),
        action_shift=modality.get("action_shift", 1),
        hidden=model.get("hidden_size", 1024),
        dit_output=dit.get("output_dim", 26),
        max_positions=model.get("max_seq_len", 1024),
    )


def _refuse_unknown(
    model: dict[str, Any], tokenizer: dict[str, Any], modality: dict[str, Any], vision: VisionConfig | None
) -> None:
    dit, mixing = model["diffusion_model_cfg"], model["vl_self_attention_cfg"]
    stacks = (dit, mixing)
    channels = model.get("action_dim") or tokenizer.get("max_action_dim", 25)
    unsupported = {
        "positional embeddings inside the blocks": any(
            part.get("positional_embeddings", "sinusoidal") for part in stacks
        ),
        "game conditioning": tokenizer.get("game_mapping_cfg"),
        "the old action layout": tokenizer.get("old_layout"),
        "several frames per sample": modality.get("frame_per_sample", 1) > 1,
        "blocks that all attend to the image": not dit.get("interleave_self_attention", False),
        "several embodiments": model.get("max_num_embodiments", 1) > 1,
        f"{channels} action channels": channels != MODEL.dim,
        "attention without biases": not all(part.get("attention_bias", True) for part in stacks),
        "another activation than gelu-approximate": any(
            part.get("activation_fn", "gelu-approximate") != "gelu-approximate" for part in stacks
        ),
        "another norm than the released one": dit.get("norm_type", "ada_norm") != "ada_norm"
        or dit.get("norm_elementwise_affine", False)
        or not math.isclose(dit.get("norm_eps", BLOCK_EPS), BLOCK_EPS),
        f"encoder {model.get('vision_encoder_name')!r} (give its shape as `vision`)": vision is None,
    }
    named = [name for name, value in unsupported.items() if value]
    if named:
        raise ValueError(f"this network has no {', '.join(named)}; only checkpoints like the released one can be read")


def _read_vision(model: dict[str, Any]) -> VisionConfig | None:
    """Return the encoder's shape: what we wrote, or what its published name says."""
    if _OUR_VISION in model:
        return VisionConfig(**model[_OUR_VISION])
    name = str(model.get("vision_encoder_name", "google/siglip-large-patch16-256"))
    found = _ENCODERS.fullmatch(name)
    if found is None or int(found[3]) % int(found[2]):
        return None
    return VisionConfig(**_ENCODER_SIZES[found[1]], patch_px=int(found[2]), image_px=int(found[3]), name=name)


def _stack(values: dict[str, Any]) -> StackConfig:
    heads, head_dim = values.get("num_attention_heads", 8), values.get("attention_head_dim", 64)
    return StackConfig(values.get("num_layers", 12), heads, head_dim, values.get("dropout", 0.1))


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

    norm = {
        "norm_type": "ada_norm",
        "norm_eps": BLOCK_EPS,
        "norm_elementwise_affine": False,
        "cross_attention_dim": None,
    }
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
