"""Policies: the protocol, two baselines, and the wrapper for a learned one.

A policy answers one frame with a chunk of actions. The whole chunk is played before it sees another frame.
Scripted players, which may see more than the frame, are in `simulator.scripted`. A learned policy is a callable that is
handed in; nothing here knows how a network is built or trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ops.gamepad import AXES, BENCHMARK
from simulator.protocol import Frame

#: (picture (size, size, 3) uint8 RGB, seeded generator) -> (buttons (n, 16) in [0, 1] in the `BENCHMARK` layout,
#: sticks (n, 4) in [-1, 1] in the order of `AXES`).
Predict = Callable[[Frame, np.random.Generator], tuple[npt.ArrayLike, npt.ArrayLike]]


@dataclass(frozen=True)
class ActionChunk:
    """Actions to be played one after the other.

    Attributes:
        buttons: (num_actions, 16) int8, 0 or 1, in the `BENCHMARK` layout.
        sticks: (num_actions, 4) float32 in [-1, 1] in the order of `AXES`.
    """

    buttons: npt.NDArray[np.int8]
    sticks: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        rows = len(self.buttons)
        if rows < 1 or self.buttons.shape != (rows, BENCHMARK.num_buttons) or self.sticks.shape != (rows, len(AXES)):
            raise ValueError(
                f"a chunk has (n, {BENCHMARK.num_buttons}) buttons and (n, {len(AXES)}) axes with n >= 1, "
                f"got {self.buttons.shape} and {self.sticks.shape}"
            )

    @property
    def num_actions(self) -> int:
        """The number of actions."""
        return len(self.buttons)

    def action(self, index: int) -> dict[str, npt.NDArray[np.generic]]:
        """Return one action as environments take it."""
        return {"buttons": self.buttons[index], "sticks": self.sticks[index]}

    @classmethod
    def single(cls, pressed: Sequence[str] = (), sticks: npt.ArrayLike = (0.0, 0.0, 0.0, 0.0)) -> ActionChunk:
        """Return one action: buttons by name, sticks clipped to their range."""
        buttons = np.zeros((1, BENCHMARK.num_buttons), np.int8)
        buttons[0, [BENCHMARK.index(button) for button in pressed]] = 1
        return cls(buttons, np.clip(np.asarray(sticks, np.float32), -1, 1).reshape(1, -1))


class Policy(Protocol):
    """Plays a game from its frames."""

    def reset(self, seed: int) -> None:
        """Forget everything; what follows depends on the seed and the frames only."""
        ...

    def act(self, observation: Frame) -> ActionChunk:
        """Return the actions to play from this frame, (height, width, 3) uint8 RGB, on."""
        ...


class NoOpPolicy:
    """Touches nothing."""

    def reset(self, seed: int) -> None:
        """Have nothing to forget."""

    def act(self, observation: Frame) -> ActionChunk:
        """Return the pad at rest."""
        return ActionChunk.single()


class RandomPolicy:
    """Draws every action uniformly from the action space."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def reset(self, seed: int) -> None:
        """Start the stream of actions that belongs to a seed."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Frame) -> ActionChunk:
        """Return one action: each button down with probability one half, each axis uniform in [-1, 1]."""
        buttons = self._rng.integers(0, 2, (1, BENCHMARK.num_buttons)).astype(np.int8)
        return ActionChunk(buttons, self._rng.uniform(-1, 1, (1, len(AXES))).astype(np.float32))


class LearnedPolicy:
    """Lets a learned model play: shrinks the frame as training did, cuts the model's chunk, thresholds buttons.

    Args:
        predict: the model.
        num_executed: actions of each predicted chunk that are played before the next look, at least 1.
        size: the side of the square picture that the model was trained on, in pixels.
        masks: [x, y, width, height] in pixels of that picture, painted black as training did with overlays.
        threshold: a button is down above this.
    """

    def __init__(
        self,
        predict: Predict,
        num_executed: int,
        size: int = 256,
        masks: Sequence[Sequence[int]] = (),
        threshold: float = 0.5,
    ) -> None:
        if num_executed < 1:
            raise ValueError(f"num_executed is at least 1, got {num_executed}")
        self._predict, self._num_executed, self._size = predict, num_executed, size
        self._masks, self._threshold = [tuple(mask) for mask in masks], threshold
        self._rng = np.random.default_rng(0)

    def reset(self, seed: int) -> None:
        """Seed the generator that the model samples with."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Frame) -> ActionChunk:
        """Return the first actions of the chunk that the model predicts."""
        buttons, sticks = self._predict(self._shrink(observation), self._rng)
        down = np.asarray(buttons)[: self._num_executed] > self._threshold
        moved = np.clip(np.asarray(sticks, np.float32)[: self._num_executed], -1, 1)
        return ActionChunk(down.astype(np.int8), moved)

    def _shrink(self, observation: Frame) -> Frame:
        import cv2

        picture = cv2.resize(observation, (self._size, self._size), interpolation=cv2.INTER_AREA)
        for x, y, width, height in self._masks:
            picture[y : y + height, x : x + width] = 0
        return np.asarray(picture, np.uint8)
