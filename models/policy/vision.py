"""The image encoder: SigLIP's vision transformer built from a config (nothing is downloaded)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.policy.config import VisionConfig


def build_vision(config: VisionConfig) -> nn.Module:
    """Return a SigLIP vision transformer with random weights, its unused pooling head frozen.

    The head is kept since released checkpoints carry it; without a gradient it costs no optimizer state, and
    distributed training does not wait for it.
    """
    from transformers import SiglipVisionConfig, SiglipVisionModel

    model = SiglipVisionModel(
        SiglipVisionConfig(
            hidden_size=config.hidden,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=config.mlp,
            image_size=config.image_px // 2 ** len(config.stem),
            patch_size=config.patch_px // 2 ** len(config.stem),
            num_channels=config.stem[-1] if config.stem else 3,
        )
    )
    encoder: nn.Module = getattr(model, "vision_model", model)  # transformers < 5 wraps it
    encoder.get_submodule("head").requires_grad_(False)
    return encoder


def load_pretrained(encoder: nn.Module, source: str) -> None:
    """Load published SigLIP weights into an encoder.

    Args:
        encoder: from `build_vision`, of the same shape.
        source: a folder that transformers wrote, or the name of a model on its hub.

    Raises:
        ValueError: they are of another shape, or not to be had.
    """
    from transformers import SiglipVisionModel

    try:
        model = SiglipVisionModel.from_pretrained(source)
        encoder.load_state_dict(getattr(model, "vision_model", model).state_dict())
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{source!r} has no vision weights for this encoder: {error}") from error


def build_stem(config: VisionConfig) -> nn.Sequential:
    """Return the convolutions before the patches; without any it passes images on and has no weights."""
    stem = nn.Sequential()
    for inputs, outputs in zip((3, *config.stem), config.stem, strict=False):
        stem.extend([nn.Conv2d(inputs, outputs, kernel_size=3, stride=2, padding=1), nn.ReLU()])
    return stem


def encode_image(encoder: nn.Module, pixels: Tensor) -> Tensor:
    """Return the tokens (batch, tokens, hidden) of images (batch, 3, side, side) in [-1, 1], or of their stem's maps.

    The children are called one by one because the model's own forward would also run the pooling head.
    """
    hidden = encoder.get_submodule("embeddings")(pixels)
    hidden = encoder.get_submodule("encoder")(inputs_embeds=hidden).last_hidden_state
    normalized: Tensor = encoder.get_submodule("post_layernorm")(hidden)
    return normalized


def to_pixels(frames: Tensor, image_px: int) -> Tensor:
    """Return frames as the encoder wants them: float (batch, 3, image_px, image_px) in [-1, 1].

    Args:
        frames: uint8 or float in [0, 1]; (batch, 3, height, width), or uint8 (batch, height, width, 3).
        image_px: side to resize to, aspect not preserved; frames that have it are not touched.
    """
    if frames.ndim != 4 or (frames.shape[1] != 3 and frames.shape[-1] != 3):
        raise ValueError(f"frames are (batch, 3, height, width) or (batch, height, width, 3), got {list(frames.shape)}")
    if frames.shape[1] != 3:
        frames = frames.permute(0, 3, 1, 2)
    values = frames.float() / 255 if frames.dtype == torch.uint8 else frames
    if values.shape[-2:] != (image_px, image_px):
        values = nn.functional.interpolate(values, size=(image_px, image_px), mode="area")
    return values * 2 - 1
