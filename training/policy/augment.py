"""Random changes of frames, on the device that trains, drawn from torch's global generator."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from training.policy.config import AugmentConfig


def build_augmentation(config: AugmentConfig, side_px: int) -> Callable[[Tensor], Tensor]:
    """Return a function from uint8 (batch, 3, side, side) to floats in [0, 1] of that shape, each sample changed.

    What is turned off costs nothing; with everything off the frames are only scaled.
    """
    steps: list[torch.nn.Module] = []
    if config.brightness or config.contrast or config.saturation or config.hue:
        steps.append(_color(config))
    if config.rotation_deg or config.crop:
        import kornia.augmentation as augmentation

        if config.rotation_deg:
            steps.append(augmentation.RandomRotation(degrees=config.rotation_deg, p=1.0))
        if config.crop:
            area = ((1 - config.crop) ** 2, 1.0)
            steps.append(augmentation.RandomResizedCrop((side_px, side_px), scale=area, ratio=(1.0, 1.0), p=1.0))

    def apply(frames: Tensor) -> Tensor:
        values = frames.float() / 255
        for step in steps:
            values = step(values)
        return values.clamp(0, 1)

    return apply


class _Light(torch.nn.Module):
    """Brightness and contrast only: two multiplications, where a general colour change converts to HSV and back."""

    def __init__(self, config: AugmentConfig) -> None:
        super().__init__()
        self.brightness, self.contrast = config.brightness, config.contrast

    def forward(self, frames: Tensor) -> Tensor:
        draws = (torch.rand(2, len(frames), 1, 1, 1) * 2 - 1).to(frames.device)
        mean = frames.mean(dim=(1, 2, 3), keepdim=True)
        return ((frames - mean) * (1 + draws[0] * self.contrast) + mean) * (1 + draws[1] * self.brightness)


def _color(config: AugmentConfig) -> torch.nn.Module:
    if not config.saturation and not config.hue:
        return _Light(config)
    import kornia.augmentation as augmentation

    return augmentation.ColorJiggle(config.brightness, config.contrast, config.saturation, config.hue, p=1.0)
