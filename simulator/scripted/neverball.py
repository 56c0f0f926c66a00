"""A player for Neverball: rolls from coin to coin until the goal is open, then into it, and brakes before turns.

Numbers below were tuned by watching it play; none was measured.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from simulator.play.policies import ActionChunk
from simulator.protocol import Frame
from simulator.scripted.human import Thumb
from simulator.scripted.neverball_level import read_level

if TYPE_CHECKING:
    from simulator.env import GameEnv

_DATA: Final = Path("/usr/share/games/neverball")
#: Control frames between two looks.
_LOOK_FRAMES: Final = 4
#: Metres from a coin within which the ball has it for sure: their radii are .25 and .15.
_TAKEN: Final = 0.36
#: Metres per second: the fastest and the slowest on the way.
_FAST: Final = 2.6
_SLOW: Final = 0.8
#: Metres per second by which it may be faster for each metre that is left.
_PER_METRE: Final = 1.1
#: The tilt asked for per metre per second that the speed is off; the floor's steepest tilt speeds up by 3.4 m/s^2.
_PUSH: Final = 0.9
#: Seconds ahead of the ball from which the next coin is chosen.
_AHEAD_S: Final = 0.4
#: The thumb's lag and tremble, see `Thumb`.
_THUMB: Final = (0.4, 0.03)

#: Looks without the coin that it goes for, after which another one comes first: something stands in the way.
_PATIENCE: Final = 75
#: Keeps a direction defined at no distance, in metres.
_ALMOST_NOTHING: Final = 1e-6

Vector = npt.NDArray[np.float64]


class BallRoller:
    """Plays Neverball on levels that have fences around and no walls between coins.

    Args:
        env: the environment that it will play, since it reads where the ball is and where the view looks; where coins
            and goals are it knows from the level's plan.
    """

    def __init__(self, env: GameEnv) -> None:
        self._env = env
        self._level = read_level(_DATA / env.task.launch["arguments"][1])
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start over with the hands that belong to a seed; no coin is taken."""
        self._rng = np.random.default_rng(seed)
        self._thumb = Thumb(*_THUMB)
        self._left = list(self._level.coins)
        self._target: tuple[float, float] | None = None
        self._num_looks = 0
        self._last: Vector | None = None

    def act(self, observation: Frame) -> ActionChunk:
        """Return what to do until the next look."""
        facts = self._env.backend.launcher.facts()
        ball = np.array([facts["x"], facts["z"]])
        look_s = _LOOK_FRAMES / self._env.game_spec.control_hz
        speed = (ball - self._last) / look_s if self._last is not None else np.zeros(2)
        self._last = ball
        tilt = _PUSH * (self._wanted(ball, speed) - speed)
        right = np.array([math.cos(facts["heading"]), math.sin(facts["heading"])])
        ahead = np.array([right[1], -right[0]])
        wanted = np.array([tilt @ right, -(tilt @ ahead)])
        wanted /= max(1.0, float(np.hypot(*wanted)))
        sticks = [(*self._thumb.move(wanted, self._rng), 0.0, 0.0) for _ in range(_LOOK_FRAMES)]
        return ActionChunk(
            np.repeat(ActionChunk.single().buttons, _LOOK_FRAMES, axis=0), np.asarray(sticks, np.float32)
        )

    def _wanted(self, ball: Vector, speed: Vector) -> Vector:
        """Return the speed to have, in metres per second along x and z."""
        self._left = [coin for coin in self._left if math.dist(coin[:2], ball) > _TAKEN]
        targets, self._num_looks = self._targets(), self._num_looks + 1
        if self._target not in targets:
            self._target, self._num_looks = min(targets, key=lambda place: math.dist(place, ball + _AHEAD_S * speed)), 0
        elif self._num_looks > _PATIENCE:
            self._target, self._num_looks = targets[self._rng.integers(len(targets))], 0
        way = np.asarray(self._target) - ball
        distance = float(np.hypot(*way))
        return way / max(distance, _ALMOST_NOTHING) * float(np.clip(_PER_METRE * distance, _SLOW, _FAST))

    def _targets(self) -> list[tuple[float, float]]:
        taken = sum(value for *_, value in self._level.coins) - sum(value for *_, value in self._left)
        if taken >= self._level.num_needed or not self._left:
            return list(self._level.goals)
        return [(x, z) for x, z, _ in self._left]
