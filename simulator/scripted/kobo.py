"""A player for Kobo Deluxe: flies by the radar to the nearest base, firing all the way, and turns off close to it.

Numbers below were tuned by watching it play; none was measured.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.play.policies import ActionChunk
from simulator.protocol import Frame

if TYPE_CHECKING:
    from simulator.env import GameEnv

#: The radar on the picture, [left, top, right, bottom) as shares of width and height; the ship is its middle.
_RADAR: Final = (0.772, 0.245, 0.968, 0.775)
#: Brightness of a base on the radar, in 0 to 255.
_BASE: Final = 110.0
#: Control frames between two looks.
_LOOK_FRAMES: Final = 6
#: Width of the picture, in pixels, that distances on the radar are told at.
_RADAR_WIDTH: Final = 640
#: Radar pixels from the middle within which what shines is the ship itself.
_SELF: Final = 3.0
#: Radar pixels from the middle within which a base may be passed instead of aimed at.
_NEAR: Final = 9.0
#: Probability, per look, of turning off near a base.
_TURN_OFF: Final = 0.3
#: [least, most) looks that turning off lasts.
_OFF_LOOKS: Final = (3, 8)
#: The game flies in eight directions: radians between two.
_DIRECTION: Final = math.pi / 4


class KoboPilot:
    """Plays Kobo Deluxe by what it sees.

    Args:
        env: the environment that it will play.
    """

    def __init__(self, env: GameEnv) -> None:
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start over; which way the player turns off follows from the seed."""
        self._rng = np.random.default_rng(seed)
        self._side = 1.0
        self._off_looks = 0

    def act(self, observation: Frame) -> ActionChunk:
        """Return what to do until the next look."""
        angle = self._heading(observation)
        sticks = (0.0, 0.0) if angle is None else (math.cos(angle), math.sin(angle))
        chunk = ActionChunk.single(("south",), (*sticks, 0.0, 0.0))
        return ActionChunk(*(np.repeat(part, _LOOK_FRAMES, axis=0) for part in (chunk.buttons, chunk.sticks)))

    def _heading(self, observation: Frame) -> float | None:
        """Return the angle to fly at, y down; None where the radar shows no base."""
        height, width = observation.shape[:2]
        left, top, right, bottom = _RADAR
        radar = observation[int(top * height) : int(bottom * height), int(left * width) : int(right * width)]
        middle = np.array([radar.shape[1] / 2, radar.shape[0] / 2])
        away = np.argwhere(radar.mean(2) > _BASE)[:, ::-1] - middle
        distances = np.hypot(away[:, 0], away[:, 1]) * _RADAR_WIDTH / width
        away, distances = away[distances > _SELF], distances[distances > _SELF]
        if not len(away):
            return None
        x, y = away[distances.argmin()]
        angle = math.atan2(y, x)
        if distances.min() < _NEAR and self._off_looks == 0 and self._rng.random() < _TURN_OFF:
            self._off_looks, self._side = int(self._rng.integers(*_OFF_LOOKS)), float(self._rng.choice([-1.0, 1.0]))
        if self._off_looks > 0:
            self._off_looks -= 1
            angle += self._side * math.pi / 2
        return round(angle / _DIRECTION) * math.pi / 4
