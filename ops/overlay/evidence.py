"""Whether what a search found is that overlay: how much it looks like it, and what else speaks for it.

Keypoints alone are fooled by rows of lights, lettering and pads of another design. So a find must *look* like its
template, in every part, over all sampled frames that show it. `docs/benchmarks.md` ("Finds that are promises") has the
figures of right and wrong finds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ops.overlay.appearance import BLUR_PX, BLUR_SHARE, GREYS, drawn_box, drawn_look, fine_structure
from ops.overlay.boxes import inner_share, region_around
from ops.overlay.config import LocateConfig
from ops.skins.template import Pixels, Template

#: A find stands from this look on. Right ones had .89 and more on clips with their truth, wrong ones .66 at most.
LEAST_LOOK: Final = 0.7
#: Where so many keypoints agree,
MANY_INLIERS: Final = 100
#: this look is enough: faint lines over busy scenes had .63, wrong finds with as many keypoints .40 at most.
LEAST_LOOK_OF_MANY: Final = 0.6
#: A find stands if at least this share of its box lies in the picture: what is cut off cannot be read. Not measured.
LEAST_INSIDE: Final = 0.9
#: By how much a look is above the least one, and for each how sure it is that the find is right. Chosen by eye.
_MARGINS: Final = (-0.7, -0.2, 0.0, 0.1, 0.25)
_SURE: Final = (0.0, 0.05, 0.5, 0.9, 1.0)

#: Looks are compared in square parts; so many lie side by side.
_PARTS: Final = 8
#: A part with fewer drawn pixels tells nothing. Not measured.
_LEAST_PART_PX: Final = 20
#: Alpha from which a pixel takes part. Below the .4 of the faintest overlays that were tried.
_DRAWN: Final = 0.15
#: Around what is drawn, pixels within this many take part too.
_GROWN_PX: Final = 1
#: A pixel counts half where it changes by so many grey levels (standard deviation over the frames). Chosen by eye.
_CHANGE_LEVELS: Final = 8.0
#: Room around the box in which the look is compared, as a share of its sides.
_RIM: Final = 0.05
#: Of each pixel's values over time this share is left out at either end: buttons are held, other things pass.
_TRIMMED: Final = 0.2
#: What still shines through is allowed for, but no more than as if it hid half of the look. Chosen by eye.
_LEAST_CLARITY: Final = 0.5
#: Structure of the picture below this is rounding, in grey levels of 255. It keeps even pictures from a correlation.
_LEAST_LEVELS: Final = 0.5
#: Keeps correlations of even parts finite.
_TINY_SUM: Final = 1e-6


class Evidence(NamedTuple):
    """What speaks for a find.

    Attributes:
        inliers: distinct template keypoints that agree on the place.
        look: how much the place looks like the template, at most 1 (see `looks_like`).
        inside: share of the drawn box that lies in the picture.
    """

    inliers: int
    look: float
    inside: float

    @property
    def score(self) -> float:
        """How sure it is that the find is right, in [0, 1]."""
        return float(np.interp(self.look - self.least_look, _MARGINS, _SURE))

    @property
    def least_look(self) -> float:
        """The look that is asked for: less where very many keypoints agree."""
        return LEAST_LOOK if self.inliers < MANY_INLIERS else LEAST_LOOK_OF_MANY

    def stands(self, config: LocateConfig) -> bool:
        """Return whether the find is a promise: every piece of evidence must be good enough."""
        return self.inliers >= config.min_inliers and self.look >= self.least_look and self.inside >= LEAST_INSIDE

    def fault(self) -> str:
        """Return what speaks most against a find, as the end of a sentence."""
        if self.inside < LEAST_INSIDE:
            return f"lies in the picture with {self.inside:.2f} of its box alone (needs {LEAST_INSIDE})"
        return f"looks {self.look:.2f} like it (needs {self.least_look})"


def weigh(template: Template, affine: npt.NDArray[np.float64], inliers: int, frames: Sequence[Pixels]) -> Evidence:
    """Return what speaks for a find.

    Args:
        template: what the place was taken for.
        affine: (2, 3) template pixels to pixels of the frames.
        inliers: distinct template keypoints that agree.
        frames: (h, w, 3) uint8 RGB each, those that show it.
    """
    inside = inner_share(drawn_box(template, affine), frames[0].shape)
    look = looks_like(template, affine, frames) if inside >= LEAST_INSIDE else 0.0
    return Evidence(inliers, look, inside)


def looks_like(template: Template, affine: npt.NDArray[np.float64], frames: Sequence[Pixels]) -> float:
    """Return how much a place looks like a template, at most 1: the mean correlation of fine structure over its parts.

    Each part may lie on another ground, from black to bright. The overlay may have any opacity: a correlation does not
    know it. What moves behind the overlay counts less, and so do controls that are used. A part counts by how much
    structure the template has there. So a place that agrees in some parts alone, as wrong ones do, looks unlike it.

    What the frames' mean still has of the moving game hides a faint overlay. How much that is shows where every other
    frame is compared with the rest. The look is over the share that stands still.

    Args:
        template: whose idle look is meant.
        affine: (2, 3) template pixels to pixels of the frames.
        frames: (h, w, 3) uint8 RGB each, those that show the overlay.
    """
    import cv2

    box = drawn_box(template, affine)
    left, top, right, bottom = region_around([box], _RIM, frames[0].shape)
    seen = np.stack([frame[top:bottom, left:right] for frame in frames]).astype(np.float32)
    colour, alpha = drawn_look(template, affine - [[0, 0, left], [0, 0, top]], (right - left, bottom - top))
    blur_px = max(BLUR_PX, BLUR_SHARE * box[2])
    drawn = cv2.dilate((alpha > _DRAWN).astype(np.uint8), np.ones((2 * _GROWN_PX + 1,) * 2, np.uint8)) > 0
    change = seen.std(axis=0).mean(axis=-1)
    compared = _Compared(
        fine_structure(_trimmed_mean(seen), blur_px),
        [fine_structure(np.median(half, axis=0), blur_px) for half in (seen[::2], seen[1::2]) if len(half)],
        [fine_structure(colour + grey * (1 - alpha[..., None]), blur_px) for grey in GREYS],
        np.where(drawn, 1 / (change**2 + _CHANGE_LEVELS**2), 0)[..., None].astype(np.float32),
    )
    corner = (box[0] - left, box[1] - top)
    parts = [part for part in map(compared.part, _parts(corner, box[2:])) if part is not None]
    alike, clear, structure = np.array(parts).reshape(-1, 3).T
    whole = max(float(structure.sum()), _TINY_SUM)
    clarity = max(float((clear * structure).sum()) / whole, _LEAST_CLARITY)
    return min(1.0, float((np.maximum(alike, 0) * structure).sum()) / whole / clarity)


def _trimmed_mean(seen: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mean over time of frames (n, h, w, 3) without each pixel's darkest and brightest values."""
    cut = int(_TRIMMED * len(seen))
    return np.asarray(np.sort(seen, axis=0)[cut : len(seen) - cut].mean(axis=0))


def _parts(corner: tuple[float, float], size: Sequence[float]) -> list[tuple[slice, slice]]:
    """Return the rows and columns of the square parts of a box."""
    side = size[0] / _PARTS
    starts = [
        (int(corner[1] + row * side), int(corner[0] + column * side))
        for row in range(int(np.ceil(size[1] / side)))
        for column in range(_PARTS)
    ]
    return [
        (slice(max(0, y), max(0, int(y + side + 1))), slice(max(0, x), max(0, int(x + side + 1)))) for y, x in starts
    ]


class _Compared(NamedTuple):
    """Fine structure (h, w, 3) of all frames, of every other frame and the rest, and of the look over each ground.

    `weight` (h, w, 1) is what each pixel counts.
    """

    seen: npt.NDArray[np.float32]
    halves: list[npt.NDArray[np.float32]]
    looks: list[npt.NDArray[np.float32]]
    weight: npt.NDArray[np.float32]

    def part(self, place: tuple[slice, slice]) -> tuple[float, float, float] | None:
        """Return of a part: its correlation over the ground that fits best, what it can be at most, its structure.

        A picture that is signal and noise correlates with the signal by the square root of its reliability, and that
        of the whole follows from the correlation of the halves (Spearman and Brown).
        """
        weight = self.weight[place]
        if (weight > 0).sum() < _LEAST_PART_PX:
            return None
        looks = [look[place] for look in self.looks]
        alike = max(_correlation(self.seen[place], look, weight) for look in looks)
        steady = max(0.0, _correlation(self.halves[0][place], self.halves[-1][place], weight))
        structure = max(float((look**2 * (weight > 0)).sum()) for look in looks)
        return alike, float(np.sqrt(2 * steady / (1 + steady))), float(np.sqrt(structure))


def _correlation(
    seen: npt.NDArray[np.float32], look: npt.NDArray[np.float32], weight: npt.NDArray[np.float32]
) -> float:
    strength = float((weight * (seen * seen + _LEAST_LEVELS**2)).sum()) * float((weight * look * look).sum())
    return float((weight * seen * look).sum()) / max(float(np.sqrt(strength)), _TINY_SUM)
