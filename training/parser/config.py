"""How the parser is trained, as a frozen config, and its named recipes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from models.overlay_parser.config import ParserConfig, b0, debug
from ops.truth.synthesize import SynthesisConfig


@dataclass(frozen=True)
class ParserTrainConfig:
    """One training run of the parser; every batch is a function of this and the step.

    Attributes:
        model: the network.
        synthesis: the hardest clips; the first `ramp_steps` steps start with easy ones.
        steps: optimizer steps.
        clips_per_step: clips in a batch; a clip of n frames gives n - 1 pairs.
        ramp_steps: steps until clips are as hard as `synthesis` says.
        learning_rate: peak; it falls linearly to nothing (paper: 1e-4, AdamW, linear decay).
        warmup_steps: of the learning rate.
        weight_decay: of AdamW (paper: 0.1).
        ema_decay: of the averaged weights, warmed up for short runs.
        clip_norm: of gradients.
        checkpoint_every: steps.
        footage: folder of videos for half of the backgrounds; empty for procedural ones alone.
        skins: folder of imported skins that take half of the draws; empty for procedural ones alone.
        held_out: patterns (`io-ds3*`) of imported skins that are not trained on.
        start_from: folder of a checkpoint whose weights a new run begins with; empty for random ones.
        only_sticks: train the stick reader alone; the rest stays as `start_from` has it.
        seed: of everything.
    """

    model: ParserConfig = field(default_factory=ParserConfig)
    synthesis: SynthesisConfig = field(default_factory=SynthesisConfig)
    steps: int = 2200
    clips_per_step: int = 8
    ramp_steps: int = 400
    learning_rate: float = 2e-3
    warmup_steps: int = 100
    weight_decay: float = 0.02
    ema_decay: float = 0.999
    clip_norm: float = 1.0
    checkpoint_every: int = 100
    footage: str = ""
    skins: str = ""
    held_out: tuple[str, ...] = ()
    start_from: str = ""
    only_sticks: bool = False
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the config as JSON-able fields."""
        return asdict(self)


def shipped() -> ParserTrainConfig:
    """Return the recipe of the checkpoint in the repository."""
    return ParserTrainConfig(synthesis=SynthesisConfig(opacity=(0.35, 1.0)), steps=2400)


def sticks() -> ParserTrainConfig:
    """Return the second part of the shipped run: the stick reader alone, on clips of its own."""
    synthesis = replace(shipped().synthesis, num_frames=13)
    return replace(
        shipped(),
        synthesis=synthesis,
        clips_per_step=6,
        steps=1500,
        only_sticks=True,
        ramp_steps=150,
        warmup_steps=50,
        seed=1,
    )


def polish() -> ParserTrainConfig:
    """Return the third part of the shipped run: all of it once more, from the second part on."""
    synthesis = replace(shipped().synthesis, opacity=(0.45, 1.0))
    return replace(
        shipped(), synthesis=synthesis, steps=1200, ramp_steps=1, learning_rate=1.5e-3, warmup_steps=50, seed=2
    )


def longer() -> ParserTrainConfig:
    """Return the fourth part of the shipped run: more of the third, with players who hold buttons most of the time."""
    synthesis = replace(polish().synthesis, held_often=0.3)
    return replace(polish(), synthesis=synthesis, steps=4500, learning_rate=1.2e-3, seed=3)


def smoke() -> ParserTrainConfig:
    """Return a run of seconds, for tests and for the demo's lineage."""
    return ParserTrainConfig(model=debug(), steps=6, clips_per_step=2, ramp_steps=2, warmup_steps=2, checkpoint_every=3)


def paper() -> ParserTrainConfig:
    """Return the paper's optimizer and size of data: lr 1e-4, weight decay 0.1, batch 256, 8 M pairs, no ramp."""
    synthesis = SynthesisConfig(num_frames=17, opacity=(0.3, 1.0))
    return ParserTrainConfig(
        model=b0(),
        synthesis=synthesis,
        steps=31_250,
        clips_per_step=16,
        ramp_steps=1,
        learning_rate=1e-4,
        weight_decay=0.1,
        checkpoint_every=500,
    )


PARSER_RECIPES = {
    "shipped": shipped,
    "sticks": sticks,
    "polish": polish,
    "longer": longer,
    "smoke": smoke,
    "paper": paper,
}


def get_parser_recipe(name: str) -> ParserTrainConfig:
    """Return a recipe by name.

    Raises:
        ValueError: there is no such recipe.
    """
    if name not in PARSER_RECIPES:
        raise ValueError(f"no parser recipe {name!r}; there are {', '.join(PARSER_RECIPES)}")
    return PARSER_RECIPES[name]()
