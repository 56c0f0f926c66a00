"""Transformer blocks of the policy: the mixing stack over image tokens and the denoiser over action tokens.

Shape legend: B batch, A action tokens, N image tokens, D width, H heads.
Module names follow the released checkpoint, so that its tensors load by name.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.policy.config import StackConfig

#: Keys and values (each (B, H, N, D / H)) of one cross-attention.
KeysValues = tuple[Tensor, Tensor]

#: Sinusoids of a timestep (released checkpoint).
_TIME_CHANNELS = 256
#: Slowest sinusoid: one over this (Vaswani et al. 2017).
SLOWEST = 10_000
#: The hidden layer of a feed-forward network is as many times wider than its tokens (released checkpoint).
_WIDER = 4
#: Keeps a norm's division finite, in blocks (released checkpoint).
BLOCK_EPS = 1e-5
#: The same in the last norm (released checkpoint).
LAST_EPS = 1e-6


class Attention(nn.Module):
    """Multi-head attention with biases; no mask, ever: one frame fills its context."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.to_q = nn.Linear(width, width)
        self.to_k = nn.Linear(width, width)
        self.to_v = nn.Linear(width, width)
        self.to_out = nn.ModuleList([nn.Linear(width, width), nn.Dropout(config.dropout)])

    def _split(self, tokens: Tensor) -> Tensor:
        batch, count, width = tokens.shape
        return tokens.view(batch, count, self.heads, width // self.heads).transpose(1, 2)

    def project(self, context: Tensor) -> KeysValues:
        """Return the keys and values of context tokens (B, N, D)."""
        return self._split(self.to_k(context)), self._split(self.to_v(context))

    def forward(self, queries: Tensor, keys_values: KeysValues) -> Tensor:
        """Return what queries (B, A, D) read from keys and values."""
        read = nn.functional.scaled_dot_product_attention(self._split(self.to_q(queries)), *keys_values)
        out: Tensor = self.to_out[0](read.transpose(1, 2).flatten(2))
        dropped: Tensor = self.to_out[1](out)
        return dropped


class GeluProjection(nn.Module):
    """Linear, then the tanh approximation of GELU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, hidden)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (..., hidden)."""
        return nn.functional.gelu(self.proj(tokens), approximate="tanh")


class FeedForward(nn.Module):
    """Two linear layers, four times as wide between them."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        width, dropout = config.width, config.dropout
        widen, narrow = GeluProjection(width, _WIDER * width), nn.Linear(_WIDER * width, width)
        self.net = nn.Sequential(widen, nn.Dropout(dropout), narrow, nn.Dropout(dropout))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        out: Tensor = self.net(tokens)
        return out


class AdaptiveNorm(nn.Module):
    """LayerNorm without own weights, scaled and shifted by the timestep (chunk order: scale, shift)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 2 * width)
        self.norm = nn.LayerNorm(width, eps=BLOCK_EPS, elementwise_affine=False)

    def forward(self, tokens: Tensor, time: Tensor) -> Tensor:
        """Return tokens (B, A, D) modulated by time embeddings (B, D)."""
        scale, shift = self.linear(nn.functional.silu(time)).chunk(2, dim=-1)
        out: Tensor = self.norm(tokens) * (1 + scale[:, None]) + shift[:, None]
        return out


class MixingBlock(nn.Module):
    """Pre-norm self-attention and feed-forward over image tokens."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width, eps=BLOCK_EPS)
        self.attn1 = Attention(config)
        self.norm3 = nn.LayerNorm(config.width, eps=BLOCK_EPS)
        self.ff = FeedForward(config)
        self.final_dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        normed = self.norm1(tokens)
        tokens = tokens + self.final_dropout(self.attn1(normed, self.attn1.project(normed)))
        out: Tensor = tokens + self.ff(self.norm3(tokens))
        return out


class Mixing(nn.Module):
    """The stack of mixing blocks; no timestep, so once per frame is enough."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.transformer_blocks = nn.ModuleList([MixingBlock(config) for _ in range(config.layers)])

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens of the same shape."""
        for block in self.transformer_blocks:
            tokens = block(tokens)
        return tokens


class DenoisingBlock(nn.Module):
    """Attention under an adaptive norm, then a feed-forward network that the timestep does not modulate."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        self.norm1 = AdaptiveNorm(config.width)
        self.attn1 = Attention(config)
        self.norm3 = nn.LayerNorm(config.width, eps=BLOCK_EPS, elementwise_affine=False)
        self.ff = FeedForward(config)
        self.final_dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor, time: Tensor, cross: KeysValues | None) -> Tensor:
        """Return action tokens (B, A, D); `cross` given: they read the image, else each other."""
        normed = self.norm1(tokens, time)
        read = self.attn1(normed, self.attn1.project(normed) if cross is None else cross)
        tokens = tokens + self.final_dropout(read)
        out: Tensor = tokens + self.ff(self.norm3(tokens))
        return out


class TimestepEmbedder(nn.Module):
    """Two linear layers over the sinusoids of a timestep."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(_TIME_CHANNELS, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, sinusoids: Tensor) -> Tensor:
        """Return (B, D)."""
        out: Tensor = self.linear_2(nn.functional.silu(self.linear_1(sinusoids)))
        return out


class TimestepEncoder(nn.Module):
    """The embedding of an integer timestep."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.timestep_embedder = TimestepEmbedder(width)

    def forward(self, buckets: Tensor) -> Tensor:
        """Return (B, D) for buckets (B,)."""
        half = _TIME_CHANNELS // 2
        # Frequencies end exactly at 1/10000 and cosines come first; the action encoder's sinusoids differ in both.
        exponents = -math.log(SLOWEST) * torch.arange(half, device=buckets.device, dtype=torch.float32) / (half - 1)
        angles = buckets.float()[:, None] * exponents.exp()
        sinusoids = torch.cat([angles.cos(), angles.sin()], dim=-1)
        out: Tensor = self.timestep_embedder(sinusoids.to(self.timestep_embedder.linear_1.weight.dtype))
        return out


class Denoiser(nn.Module):
    """The DiT: even blocks attend to image tokens, odd ones to action tokens."""

    def __init__(self, config: StackConfig, output: int) -> None:
        super().__init__()
        width = config.width
        self.timestep_encoder = TimestepEncoder(width)
        self.transformer_blocks = nn.ModuleList([DenoisingBlock(config) for _ in range(config.layers)])
        self.norm_out = nn.LayerNorm(width, eps=LAST_EPS, elementwise_affine=False)
        self.proj_out_1 = nn.Linear(width, 2 * width)
        self.proj_out_2 = nn.Linear(width, output)

    def project(self, context: Tensor) -> list[KeysValues | None]:
        """Return, per block, the keys and values of image tokens (B, N, D); None where a block attends to itself.

        They do not depend on the timestep, so one projection serves all denoising steps.
        """
        return [
            block.attn1.project(context) if index % 2 == 0 else None  # type: ignore[union-attr,operator]
            for index, block in enumerate(self.transformer_blocks)
        ]

    def forward(self, tokens: Tensor, buckets: Tensor, cross: list[KeysValues | None]) -> Tensor:
        """Return (B, A, output) for action tokens (B, A, D) at timesteps (B,)."""
        time = self.timestep_encoder(buckets)
        for block, keys_values in zip(self.transformer_blocks, cross, strict=True):
            tokens = block(tokens, time, keys_values)
        # The order here is shift, scale: the opposite of AdaptiveNorm's, as in the released weights.
        shift, scale = self.proj_out_1(nn.functional.silu(time)).chunk(2, dim=-1)
        out: Tensor = self.proj_out_2(self.norm_out(tokens) * (1 + scale[:, None]) + shift[:, None])
        return out
