"""Named training runs. Each is a function, so that a reader sees every choice and a caller can change one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from models.policy import config as presets
from models.policy.checkpoint import load_policy_weights
from training.policy.config import AugmentConfig, DataConfig, OptimizerConfig, TrainConfig


def tiny() -> TrainConfig:
    """A minute on one CPU core: the demo and the tests."""
    return TrainConfig(
        policy=presets.tiny(),
        optimizer=OptimizerConfig(lr=1e-3, warmup_steps=20, decay_steps=150, ema_decay=0.98),
        data=DataConfig(batch_size=32, frame_stride=2, window_chunks=8, num_streams=2),
        augment=AugmentConfig(brightness=0.1, contrast=0.1, saturation=0, hue=0, rotation_deg=0, crop=0),
        steps=400,
        noise_draws=2,
        checkpoint_every=100,
    )


def small() -> TrainConfig:
    """Hours on one GPU, hundreds of hours of video."""
    return TrainConfig(
        policy=presets.small(),
        optimizer=OptimizerConfig(lr=3e-4, warmup_steps=1000, decay_steps=5000),
        data=DataConfig(batch_size=128, frame_stride=2, window_chunks=32, cache_mib=8192),
        steps=50_000,
        noise_draws=4,
        precision="bf16",
        log_every=50,
    )


def paper() -> TrainConfig:
    """The paper's policy: chunks of 16 actions, constant learning rate 1e-4, averaged weights."""
    return _large(presets.paper())


def nitrogen_500m() -> TrainConfig:
    """The released checkpoint's policy; start it from `ng.pt` with `init`, or train from nothing."""
    return _large(presets.nitrogen_500m())


def _large(policy: presets.PolicyConfig) -> TrainConfig:
    # Batch size, steps, warm-up and decay are not published; these follow the checkpoint's name and common practice.
    # On 8 GPUs a worker holds 16 streams of 2 * 4 chunks at 15 Hz: 7.5 GB of frames.
    return TrainConfig(
        policy=policy,
        optimizer=OptimizerConfig(lr=1e-4, warmup_steps=2000, decay_steps=20_000),
        data=DataConfig(batch_size=4096, frame_stride=4, window_chunks=4, num_streams=128, cache_mib=8192),
        steps=200_000,
        precision="bf16",
        log_every=50,
    )


RECIPES: Final[dict[str, Callable[[], TrainConfig]]] = {
    "tiny": tiny,
    "small": small,
    "paper": paper,
    "nitrogen-500m": nitrogen_500m,
}


def get_recipe(name: str) -> TrainConfig:
    """Return a recipe by name.

    Raises:
        ValueError: there is no such recipe.
    """
    if name not in RECIPES:
        raise ValueError(f"recipe must be one of {', '.join(RECIPES)}, got {name!r}")
    return RECIPES[name]()


def with_shuffled_labels(config: TrainConfig) -> TrainConfig:
    """Return the control experiment of a run: the same, with each frame given another's actions."""
    return replace(config, data=replace(config.data, shuffle_labels=True))


def fine_tuned(config: TrainConfig, init: str = "", vision_init: str = "", freeze_vision: bool = False) -> TrainConfig:
    """Return a run that starts from weights that are there.

    Args:
        config: the run.
        init: a policy's checkpoint; the network and the meaning of its output are then the checkpoint's.
        vision_init: published SigLIP weights for the image encoder.
        freeze_vision: do not train the image encoder.

    Raises:
        FileNotFoundError: there is no such checkpoint.
        ValueError: both starts are given, or the checkpoint is of another form.
    """
    if init and vision_init:
        raise ValueError("a policy's checkpoint has its own image encoder: give init or vision_init, not both")
    policy = load_policy_weights(Path(init))[0] if init else config.policy
    freeze = ("vision_encoder", "vision_stem") if freeze_vision else config.freeze
    return replace(config, policy=policy, init=init, vision_init=vision_init, freeze=freeze)
