"""What a template looks like at a place, and how much that is like the picture there."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ops.skins.template import Pixels, Template

#: Weights of red, green and blue in brightness (ITU-R BT.601).
LUMA: Final = (0.299, 0.587, 0.114)
#: Fine structure is what is left without a blur of this share of the overlay's width. Chosen by eye.
BLUR_SHARE: Final = 0.02
#: The blur is at least so wide, in pixels.
BLUR_PX: Final = 1.5
#: What an overlay may lie on, as grey of 255: a dark one is brighter than a black scene. Chosen by eye.
GREYS: Final = (0, 110, 220)
#: Standard deviation of the blur that keeps a shrunk look from aliasing, in pixels of the result. Chosen by eye.
_SHRINK_BLUR_PX: Final = 0.4
#: Alpha from which a pixel takes part in `similarity`: at least half of what is seen there is the overlay.
_MOSTLY_DRAWN: Final = 0.5
#: Fewer drawn pixels than this tell nothing. Not measured.
_LEAST_DRAWN_PX: Final = 16
#: Keeps divisions by nothing finite; far below any alpha (1/255) and any sum of squares that counts.
_TINY_ALPHA: Final = 1e-3
_TINY_SUM: Final = 1e-6
_TINY_SPREAD: Final = 1e-9


def drawn_look(
    template: Template, affine: npt.NDArray[np.float64], size: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the idle look at its place in a picture of a size (width, height), low-passed if it is shrunk.

    Returns:
        (height, width, 3) float32 RGB in [0, 255] times alpha, and alpha (height, width) in [0, 1].
    """
    import cv2

    alpha = template.rgba[..., 3:].astype(np.float32) / 255
    look = np.concatenate([template.rgba[..., :3] * alpha, alpha], axis=-1)
    across, down = float(affine[0, 0]), float(affine[1, 1])
    if min(across, down) < 1:
        across_px, down_px = _SHRINK_BLUR_PX / across, _SHRINK_BLUR_PX / down
        look = cv2.GaussianBlur(look, (0, 0), across_px, sigmaY=down_px, borderType=cv2.BORDER_CONSTANT)
    centres = affine.copy()  # OpenCV counts from pixel centres, affines from pixel edges
    centres[:, 2] += affine[:, :2] @ (0.5, 0.5) - 0.5
    drawn = cv2.warpAffine(look, centres, size, flags=cv2.INTER_LINEAR)
    return np.asarray(drawn[..., :3]), np.asarray(drawn[..., 3])


def similarity(template: Template, affine: npt.NDArray[np.float64], median: Pixels) -> float:
    """Return the correlation, in [-1, 1], of the idle look with the frames' temporal median over what is drawn.

    Args:
        template: whose idle look is meant.
        affine: (2, 3) template pixels to pixels of the median.
        median: (h, w) uint8 grey.
    """
    colour, alpha = drawn_look(template, affine, (median.shape[1], median.shape[0]))
    look = colour @ np.array(LUMA, dtype=np.float32) / np.maximum(alpha, _TINY_ALPHA)
    drawn = alpha > _MOSTLY_DRAWN
    if drawn.sum() < _LEAST_DRAWN_PX:
        return 0.0
    seen = median[drawn].astype(np.float32)
    a, b = look[drawn] - look[drawn].mean(), seen - seen.mean()
    return float((a * b).sum() / max(float(np.sqrt((a**2).sum() * (b**2).sum())), _TINY_SUM))


def explained(
    template: Template, affine: npt.NDArray[np.float64], median: Pixels, box: tuple[int, int, int, int]
) -> float:
    """Return how much of a region's temporal median a template explains: R² of its best translucent overlay.

    Two colourways of a design have the same keypoints. This tells them apart by their colours and by what they fill.

    Args:
        template: whose idle look is meant.
        affine: (2, 3) template pixels to pixels of the median.
        median: (h, w, 3) uint8 RGB.
        box: left, top, right, bottom of the region.
    """
    left, top, right, bottom = box
    seen = median[top:bottom, left:right].reshape(-1, 3).astype(np.float64) / 255
    colour, alpha = drawn_look(template, affine - [[0, 0, left], [0, 0, top]], (right - left, bottom - top))
    overlay = _fit_overlay(np.divide(colour.reshape(-1, 3), 255, dtype=np.float32), alpha.reshape(-1), seen)
    if overlay.opacity <= 0:
        return 0.0  # a negative of the picture
    return _r_squared(overlay.squared_error, seen)


class _FittedOverlay(NamedTuple):
    """The translucent overlay that is most like a picture: its opacity, and the squared error that is left."""

    opacity: float
    squared_error: float


def _fit_overlay(
    colour: npt.NDArray[np.float32], alpha: npt.NDArray[np.float32], seen: npt.NDArray[np.float64]
) -> _FittedOverlay:
    """Return the overlay of any opacity over any even background that is most like a picture.

    Per channel the picture is fitted as `background - cover * alpha + opacity * colour`. The background and its cover
    are free per channel, the opacity is one: seven unknowns, by least squares.

    Args:
        colour: (n, 3) of the look, in [0, 1] times alpha.
        alpha: (n,) of the look.
        seen: (n, 3) the picture in [0, 1].
    """
    channels = np.eye(3)
    known = np.concatenate(
        [
            np.column_stack([np.outer(np.ones(len(alpha)), channel), np.outer(alpha, channel), colour[:, number]])
            for number, channel in enumerate(channels)
        ]
    )
    wanted = seen.T.ravel()
    found, *_ = np.linalg.lstsq(known, wanted, rcond=None)
    return _FittedOverlay(float(found[-1]), float(((known @ found - wanted) ** 2).sum()))


def _r_squared(squared_error: float, seen: npt.NDArray[np.float64]) -> float:
    """Return 1 - squared error / squared deviation from the mean of each channel of (n, 3) values."""
    spread = float(((seen - seen.mean(axis=0)) ** 2).sum())
    return 1 - squared_error / max(spread, _TINY_SPREAD)


def fine_structure(picture: npt.NDArray[np.generic], blur_px: float) -> npt.NDArray[np.float32]:
    """Return what a picture (h, w, 3) has beyond its blur of a standard deviation in pixels."""
    import cv2

    values = picture.astype(np.float32)
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), blur_px), dtype=np.float32)


def drawn_box(template: Template, affine: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return (x, y, w, h): where an upright affine puts what a template draws."""
    x, y, w, h = template.drawn_box()
    corner = affine[:, :2] @ (x, y) + affine[:, 2]
    return float(corner[0]), float(corner[1]), float(affine[0, 0] * w), float(affine[1, 1] * h)
