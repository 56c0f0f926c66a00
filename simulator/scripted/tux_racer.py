"""A player for Extreme Tux Racer: paddles while it is slow, lies flat when it is fast, and keeps to the middle.

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
_LOOK_FRAMES: Final = 6
#: Metres per second from which paddling slows down.
_FAST: Final = 15.0
#: Metres off the middle at which the stick is at its rim.
_FULL_STEER: Final = 25.0
#: Metres off the middle within which it goes straight on.
_MIDDLE: Final = 2.0
#: The thumb's lag and tremble, see `Thumb`.
_THUMB: Final = (0.4, 0.02)
#: Seconds ahead that the place across the slope is looked at.
_AHEAD_S: Final = 0.8


class SlopeRacer:
    """Plays Extreme Tux Racer.

    Args:
        env: the environment that it will play, since it reads where on the slope it is.
    """

    def __init__(self, env: GameEnv) -> None:
        self._env = env
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start over with the hands that belong to a seed; the middle is where the race starts."""
        self._rng = np.random.default_rng(seed)
        self._thumb = Thumb(*_THUMB)
        self._middle: float | None = None
        self._last: tuple[float, float] | None = None

    def act(self, observation: Frame) -> ActionChunk:
        """Return what to do until the next look."""
        facts = self._env.backend.launcher.facts()
        x, downhill = facts["x"], facts["downhill"]
        look_s = _LOOK_FRAMES / self._env.game_spec.control_hz
        drift, speed = ((x - self._last[0]) / look_s, (downhill - self._last[1]) / look_s) if self._last else (0.0, 0.0)
        self._middle = x if self._middle is None else self._middle
        self._last = (x, downhill)
        off = x + _AHEAD_S * drift - self._middle
        steer = float(np.clip(-off / _FULL_STEER, -1, 1)) if abs(off) > _MIDDLE else 0.0
        sticks = [(*self._thumb.move((steer, 0.0), self._rng), 0.0, 0.0) for _ in range(_LOOK_FRAMES)]
        buttons = ActionChunk.single(("south",) if speed < _FAST else ()).buttons
        return ActionChunk(np.repeat(buttons, _LOOK_FRAMES, axis=0), np.asarray(sticks, np.float32))
