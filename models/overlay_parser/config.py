"""The parser's shape, as a frozen config that travels with the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: Cells per side of the grid over which a stick's place is scored (paper: 11 x 11).
GRID = 11


@dataclass(frozen=True)
class ParserConfig:
    """A SegFormer encoder and its decoder.

    Attributes:
        hidden: channels of each encoder stage; stages halve the resolution, the first one quarters it.
        depths: blocks of each stage.
        heads: attention heads of each stage.
        reductions: how much each stage shrinks keys and values.
        decoder: channels of the fused feature map.
        dropout: in the decoder, while training.
        stick_channels: channels of the stick reader at full, half and half resolution; none for a network that reads
            sticks off the grid alone, and thumb buttons off their caps alone.
        stick_hidden: width of its hidden layer.
    """

    hidden: tuple[int, ...] = (16, 32, 64)
    depths: tuple[int, ...] = (1, 1, 2)
    heads: tuple[int, ...] = (1, 1, 2)
    reductions: tuple[int, ...] = (8, 4, 2)
    decoder: int = 48
    dropout: float = 0.05
    stick_channels: tuple[int, ...] = (24, 40, 56)
    stick_hidden: int = 128

    def __post_init__(self) -> None:
        lengths = {len(self.hidden), len(self.depths), len(self.heads), len(self.reductions)}
        if len(lengths) != 1:
            raise ValueError(f"hidden, depths, heads and reductions describe the same stages, got lengths {lengths}")

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> ParserConfig:
        """Return the config that JSON holds; TypeError for a field that is none."""
        plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
        return cls(**plain)


def tiny() -> ParserConfig:
    """Return the shipped size: a quarter of a million parameters, made for CPUs."""
    return ParserConfig()


def debug() -> ParserConfig:
    """Return the smallest size that trains, for tests."""
    return ParserConfig(
        hidden=(8, 16),
        depths=(1, 1),
        heads=(1, 1),
        reductions=(4, 2),
        decoder=16,
        stick_channels=(8, 8, 8),
        stick_hidden=16,
    )


def b0() -> ParserConfig:
    """Return the published SegFormer-B0 encoder."""
    return ParserConfig(
        hidden=(32, 64, 160, 256),
        depths=(2, 2, 2, 2),
        heads=(1, 2, 5, 8),
        reductions=(8, 4, 2, 1),
        decoder=256,
        dropout=0.1,
    )


CONFIGS = {"tiny": tiny, "debug": debug, "b0": b0}
