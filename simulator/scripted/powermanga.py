"""A player for Powermanga: gets below the nearest enemy, keeps firing, and steps aside from what comes too close.

Numbers below were tuned by watching it play; none was measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from simulator.play.policies import ActionChunk
from simulator.protocol import Frame
from simulator.scripted.human import Thumb

if TYPE_CHECKING:
    from simulator.env import GameEnv

#: Space lies below this share of the picture's height; a panel is above.
_TOP: Final = 0.09
#: Space lies left of this share of the picture's width; a panel is right of it.
_RIGHT: Final = 0.8
#: Side of the cells that it is looked at in, as a share of the picture's width.
_CELL: Final = 1 / 80
#: Control frames between two looks.
_LOOK_FRAMES: Final = 3
#: Mean brightness of a cell from which there is something; stars are smaller than a cell.
_SOMETHING: Final = 45.0
#: Cells around the ship's middle that are the ship.
_SHIP: Final = 4.0
#: Cells within which something is too close.
_CLOSE: Final = 10.0
#: Cells sideways within which an enemy is aimed at.
_ALIGNED: Final = 1.0
#: Cells sideways from which the stick is at its rim.
_FULL_STEER: Final = 6.0
#: The stick's y: where nothing is to be seen, below an enemy, and out of the way of something.
_DRIFT: Final = 0.4
_BELOW: Final = 0.3
_ASIDE: Final = 0.5
#: How much redder than green a cell of the ship is.
_GREEN_WEIGHT: Final = 1.2
#: The thumb's lag and tremble, see `Thumb`.
_THUMB: Final = (0.5, 0.02)


class StarPilot:
    """Plays Powermanga by what it sees.

    Args:
        env: the environment that it will play.
    """

    def __init__(self, env: GameEnv) -> None:
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start over with the hands that belong to a seed."""
        self._rng = np.random.default_rng(seed)
        self._thumb = Thumb(*_THUMB)

    def act(self, observation: Frame) -> ActionChunk:
        """Return what to do until the next look."""
        direction = self._direction(*_see(observation))
        sticks = [self._thumb.move(direction, self._rng) for _ in range(_LOOK_FRAMES)]
        chunk = ActionChunk.single(("south",))
        moves = np.array([[x, y, 0, 0] for x, y in sticks], np.float32)
        return ActionChunk(np.repeat(chunk.buttons, _LOOK_FRAMES, axis=0), moves)

    def _direction(self, ship: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> tuple[float, float]:
        if not len(others):
            return (0.0, _DRIFT)
        away = others - ship
        distances = np.hypot(away[:, 0], away[:, 1])
        nearest = away[distances.argmin()]
        if distances.min() < _CLOSE:  # to the side it is not on
            return (-1.0 if nearest[0] > 0 else 1.0, _ASIDE if nearest[1] < 0 else -_ASIDE)
        ahead = away[away[:, 1] < 0]
        if not len(ahead):
            return (0.0, 1.0)
        x = float(ahead[np.abs(ahead[:, 0]).argmin(), 0])
        return (0.0 if abs(x) < _ALIGNED else float(np.clip(x / _FULL_STEER, -1, 1)), _BELOW)


def _see(observation: Frame) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return where the ship is and where anything else is, (2,) and (n, 2) as x, y in cells."""
    height, width = observation.shape[:2]
    cell = max(int(width * _CELL), 1)
    space = observation[int(height * _TOP) :, : int(width * _RIGHT)].astype(np.float64)
    rows, columns = space.shape[0] // cell, space.shape[1] // cell
    cells = space[: rows * cell, : columns * cell].reshape(rows, cell, columns, cell, 3).mean((1, 3))
    red = np.clip(cells[..., 0] - np.maximum(cells[..., 1] * _GREEN_WEIGHT, cells[..., 2]), 0, None)
    around = sum(np.roll(red, (dy, dx), (0, 1)) for dy in (-2, -1, 0, 1, 2) for dx in (-1, 0, 1))
    y, x = np.unravel_index(int(np.argmax(around)), red.shape)
    ship = np.array([float(x), float(y)])
    found = np.argwhere(cells.mean(2) > _SOMETHING)[:, ::-1].astype(np.float64)
    return ship, found[np.hypot(*(found - ship).T) > _SHIP] if len(found) else found
