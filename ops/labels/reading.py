"""What a network reads off a stretch of frames, and that as a trace of the pad."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ops.gamepad import CONTROLS, DATASET_BUTTONS, STICKS, Floats, PadTrace
from ops.labels import atlas
from ops.skins.template import Pixels, Template


@dataclass(frozen=True)
class Reading:
    """What a predictor says of n frames.

    Attributes:
        pressed: (n, 17) probability that each button is down, `DATASET` layout.
        places: (n, 2, 2) x, y of each stick's cap in half-sizes of its window.
        certainty: (n, 2) in [0, 1], how sure the place is.
    """

    pressed: Floats
    places: Floats
    certainty: Floats

    @classmethod
    def join(cls, parts: Sequence[Reading]) -> Reading:
        """Return the readings of consecutive stretches as one."""
        pressed, places, certainty = zip(*((part.pressed, part.places, part.certainty) for part in parts), strict=True)
        return cls(np.concatenate(pressed), np.concatenate(places), np.concatenate(certainty))


#: Reads pairs (n, 2, H, W, 3) uint8 of control atlases, given the reference atlas (H, W, 7) of `reference_atlas`.
Predictor = Callable[[Pixels, Pixels], Reading]

#: Gives the predictor for overlays of a template.
PredictorFor = Callable[[Template], Predictor]

#: Frames that are read at once. Not measured; it bounds memory, and the result does not depend on it.
PIECE_FRAMES: Final = 256


def reading_to_trace(reading: Reading, template: Template, pts_s: npt.NDArray[np.float64]) -> PadTrace:
    """Return a reading as a trace: sticks over nominal travel (not clipped), NaN for what the template does not draw.

    A button's confidence is the probability of the state that was read (.5 to 1), a stick's its certainty.
    """
    drawn = np.array([control in template.controls for control in CONTROLS])
    buttons = (reading.pressed > 0.5).astype(np.float32)
    reach = atlas.stick_reach(template.controls, template.width)
    sticks = (reading.places / reach[:, None]).reshape(-1, 2 * len(STICKS)).astype(np.float32)
    confidence = np.concatenate([np.maximum(reading.pressed, 1 - reading.pressed), reading.certainty], axis=1)
    num_buttons = len(DATASET_BUTTONS)
    buttons[:, ~drawn[:num_buttons]] = np.nan
    sticks[:, np.repeat(~drawn[num_buttons:], 2)] = np.nan
    confidence = np.where(drawn, confidence, 0).astype(np.float32)
    return PadTrace(pts_s, buttons, sticks, confidence)
