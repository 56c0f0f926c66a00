"""Flow matching: which timesteps training sees, what it noises, and how inference integrates.

t = 0 is noise, t = 1 is the action. Everything random takes a generator.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from models.policy.config import FlowConfig


def sample_times(count: int, config: FlowConfig, generator: torch.Generator | None = None) -> Tensor:
    """Return (count,) float32 times in [0, shift], small ones more often (t = (1 - s) * shift, s ~ Beta).

    The generator, where given, is a CPU one; so are the times.
    """
    # torch.distributions takes no generator; a Beta is a ratio of two Gammas, which do.
    first = torch._standard_gamma(torch.full((count,), config.alpha, dtype=torch.float64), generator=generator)
    second = torch._standard_gamma(torch.full((count,), config.beta, dtype=torch.float64), generator=generator)
    return ((1 - first / (first + second)) * config.shift).float()


def to_buckets(times: Tensor, config: FlowConfig) -> Tensor:
    """Return the integer timesteps of times in [0, 1)."""
    return (times * config.buckets).long()


def interpolate(actions: Tensor, noise: Tensor, times: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return (noised actions, actions without gaps, validity), each of the actions' shape.

    Args:
        actions: (batch, horizon, channels), NaN where unknown. There the noised value is the noise itself and validity
            is 0: an untrained channel keeps its noise at inference too, so the network sees the same in both.
        noise: standard normal, same shape.
        times: (batch,).
    """
    valid = torch.isfinite(actions)
    target = torch.where(valid, actions, noise)
    weight = times[:, None, None]
    return (1 - weight) * noise + weight * target, target, valid.to(actions.dtype)


def integrate(velocity: Callable[[Tensor, Tensor], Tensor], noise: Tensor, steps: int, config: FlowConfig) -> Tensor:
    """Return the actions that Euler steps lead to.

    Args:
        velocity: (actions (batch, horizon, channels), buckets (batch,)) -> velocity of the same shape.
        noise: where to start.
        steps: number of equal steps, at least 1.
        config: number of buckets.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    actions = noise
    for step in range(steps):
        bucket = int(step / steps * config.buckets)
        buckets = torch.full((noise.shape[0],), bucket, dtype=torch.long, device=noise.device)
        actions = actions + velocity(actions, buckets) / steps
    return actions
