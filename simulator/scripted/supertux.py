"""A player for SuperTux: runs to the right, hops, and takes another run-up where the picture stands still.

Numbers below were tuned by watching it play; none was measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.play.policies import ActionChunk
from simulator.protocol import Frame
from simulator.scripted.human import Thumb

if TYPE_CHECKING:
    from simulator.env import GameEnv

#: Control frames between two looks.
_LOOK_FRAMES: Final = 4
#: [least, most) control frames of a hop, drawn.
_HOP: Final = (16, 34)
#: The same of the run between two hops.
_RUN: Final = (4, 14)
#: The same of a step back.
_BACK: Final = (16, 40)
#: Every so-many-th pixel of a row and a column is looked at.
_STRIDE: Final = 8
#: Change of a pixel that counts before there is another picture: the largest.
_FIRST_CHANGE: Final = 255.0
#: The thumb's lag and tremble, see `Thumb`.
_THUMB: Final = (0.5, 0.03)
#: Looks at a picture that does not scroll after which the player is stuck.
_STUCK_LOOKS: Final = 15
#: Mean change of a pixel between two looks, in 0 to 255, below which the picture stands still.
_STILL: Final = 3.0


class TuxRunner:
    """Plays SuperTux by what it sees.

    Args:
        env: the environment that it will play.
    """

    def __init__(self, env: GameEnv) -> None:
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start over with the hands that belong to a seed."""
        self._rng = np.random.default_rng(seed)
        self._thumb = Thumb(*_THUMB)
        self._last: np.ndarray | None = None
        self._num_still, self._frames, self._hopping, self._back = 0, 0, False, 0

    def act(self, observation: Frame) -> ActionChunk:
        """Return what to do until the next look."""
        self._look(observation)
        actions = [self._frame() for _ in range(_LOOK_FRAMES)]
        return ActionChunk(np.vstack([a.buttons for a in actions]), np.vstack([a.sticks for a in actions]))

    def _look(self, observation: Frame) -> None:
        view = observation[::_STRIDE, ::_STRIDE].mean(2)
        change = float(np.abs(view - self._last).mean()) if self._last is not None else _FIRST_CHANGE
        self._last = view
        self._num_still = self._num_still + 1 if change < _STILL else 0
        if self._num_still >= _STUCK_LOOKS:
            self._num_still, self._back = 0, int(self._rng.integers(*_BACK))

    def _frame(self) -> ActionChunk:
        if self._frames == 0:
            self._hopping = not self._hopping
            self._frames = int(self._rng.integers(*(_HOP if self._hopping else _RUN)))
        self._frames -= 1
        self._back = max(self._back - 1, 0)
        x, y = self._thumb.move((-1.0 if self._back else 1.0, 0.0), self._rng)
        pressed = [name for name, is_down in (("south", self._hopping), ("west", True)) if is_down]
        return ActionChunk.single(pressed, (x, y, 0.0, 0.0))
