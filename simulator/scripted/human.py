"""What makes a script's hands look human: thumbs that lag and tremble, and fingers that are never still for long.

Clean input in steps would be bad training data for readers of overlays: sticks would be centred or at the rim only, and
half of the buttons would never be seen.

Numbers below were tuned by watching it play; none was measured.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

#: (buttons, shortest hold, longest hold in control frames, weight): what idle fingers do.
_FIDGETS: Final[tuple[tuple[tuple[str, ...], int, int, float], ...]] = (
    (("south",), 3, 9, 4.0),
    (("east",), 6, 24, 2.0),
    (("west",), 3, 7, 2.0),
    (("north",), 3, 7, 2.0),
    (("left_trigger",), 6, 30, 2.5),
    (("left_shoulder",), 3, 12, 2.0),
    (("right_shoulder",), 3, 12, 2.0),
    (("left_thumb",), 3, 10, 1.5),
    (("right_thumb",), 3, 8, 1.2),
    (("dpad_up",), 3, 8, 1.3),
    (("dpad_down",), 3, 8, 1.3),
    (("dpad_left",), 3, 8, 1.3),
    (("dpad_right",), 3, 8, 1.3),
    (("start",), 3, 6, 0.8),
    (("back",), 3, 6, 0.8),
    (("south", "left_shoulder"), 4, 10, 0.8),
    (("east", "left_trigger"), 8, 20, 0.6),
)

#: How much of the tremble stays from one control frame to the next; with the draw's share the variance stays the same.
_NOISE_KEPT: Final = 0.8
_NOISE_DRAWN: Final = 0.6
#: Deflection below which a stick that nobody wants anywhere is let go.
_LET_GO: Final = 0.05
#: Control frames between two presses, at least.
_LEAST_PAUSE: Final = 2


class Thumb:
    """A stick under a thumb: follows where it is wanted with a lag, and trembles.

    Args:
        follow: the part of the way to the target that is made in one control frame.
        tremble: standard deviation of the slow noise on each axis.
    """

    def __init__(self, follow: float, tremble: float) -> None:
        self._follow, self._tremble = follow, tremble
        self._at = np.zeros(2)
        self._noise = np.zeros(2)

    def move(self, target: npt.ArrayLike, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return where the stick is (x, y), inside the unit circle, one frame on. A thumb off the stick is exact 0."""
        wanted = np.asarray(target, dtype=np.float64)
        self._at += self._follow * (wanted - self._at)
        self._noise = _NOISE_KEPT * self._noise + _NOISE_DRAWN * self._tremble * rng.standard_normal(2)
        if not wanted.any() and np.hypot(*self._at) < _LET_GO:
            return np.zeros(2)
        at = self._at + self._noise
        return at / max(1.0, float(np.hypot(*at)))


class Fidgets:
    """Presses buttons that play does not need, now and then, one at a time.

    Args:
        mean_pause_frames: control frames between two presses, on average.
    """

    def __init__(self, mean_pause_frames: float) -> None:
        self._mean_pause = mean_pause_frames
        self._wait = 0
        self._hold = 0
        self._pressed: tuple[str, ...] = ()

    def press(self, rng: np.random.Generator) -> tuple[str, ...]:
        """Return the buttons that are down in this frame."""
        if self._hold > 0:
            self._hold -= 1
            return self._pressed
        if self._wait > 0:
            self._wait -= 1
            return ()
        weights = np.array([weight for *_, weight in _FIDGETS])
        self._pressed, shortest, longest, _ = _FIDGETS[rng.choice(len(_FIDGETS), p=weights / weights.sum())]
        self._hold = int(rng.integers(shortest, longest + 1)) - 1
        self._wait = int(rng.exponential(self._mean_pause)) + _LEAST_PAUSE
        return self._pressed
