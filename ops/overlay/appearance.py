"""What a template looks like at a place, and how much that is like the picture there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ops.skins.template import Pixels, Template

#: Weights of red, green and blue in brightness (ITU-R BT.601).
_LUMA = (0.299, 0.587, 0.114)


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
    scale = float(affine[0, 0])
    if scale < 1:
        look = cv2.GaussianBlur(look, (0, 0), 0.4 / scale, borderType=cv2.BORDER_CONSTANT)
    centres = affine.copy()
    centres[:, 2] += affine[:, :2] @ (0.5, 0.5) - 0.5
    drawn = cv2.warpAffine(look, centres, size, flags=cv2.INTER_LINEAR)
    return np.asarray(drawn[..., :3]), np.asarray(drawn[..., 3])


def similarity(template: Template, affine: npt.NDArray[np.float64], median: Pixels) -> float:
    """Return the correlation of the idle look with the frames' temporal median (h, w), grey, over what is drawn."""
    colour, alpha = drawn_look(template, affine, (median.shape[1], median.shape[0]))
    look = colour @ np.array(_LUMA, dtype=np.float32) / np.maximum(alpha, 1e-3)
    drawn = alpha > 0.5
    if drawn.sum() < 16:
        return 0.0
    seen = median[drawn].astype(np.float32)
    a, b = look[drawn] - look[drawn].mean(), seen - seen.mean()
    return float((a * b).sum() / max(float(np.sqrt((a**2).sum() * (b**2).sum())), 1e-6))


def explained(
    template: Template, affine: npt.NDArray[np.float64], median: Pixels, box: tuple[int, int, int, int]
) -> float:
    """Return how much of a region's temporal median a template explains: R² of its best translucent overlay.

    Per channel the median is fitted as `b + (o * colour - o' * b) * alpha`: any even background, any opacity. Keypoints
    agree as well with another colourway of a design, its colours and what it fills do not.

    Args:
        template: whose idle look is meant.
        affine: (2, 3) template pixels to pixels of the median.
        median: (h, w, 3) uint8 RGB.
        box: left, top, right, bottom of the region.
    """
    left, top, right, bottom = box
    target = median[top:bottom, left:right].reshape(-1, 3).astype(np.float64) / 255
    moved = affine - [[0, 0, left], [0, 0, top]]
    colour, alpha = drawn_look(template, moved, (right - left, bottom - top))
    drawn = np.concatenate([colour / 255, alpha[..., None]], axis=-1).reshape(-1, 4)
    # Seven unknowns: a background and its share under the overlay per channel, one opacity.
    one, cover, zero = np.ones(len(drawn)), drawn[:, 3], np.zeros(len(drawn))
    rows = [
        np.stack([*(one if other == channel else zero for other in range(3)),
                  *(cover if other == channel else zero for other in range(3)), drawn[:, channel]], axis=1)
        for channel in range(3)
    ]  # fmt: skip
    known, wanted = np.concatenate(rows), target.T.ravel()
    found, *_ = np.linalg.lstsq(known, wanted, rcond=None)
    if found[-1] <= 0:
        return 0.0  # a negative of the picture
    left_over = float(((known @ found - wanted) ** 2).sum())
    spread = float(((target - target.mean(axis=0)) ** 2).sum())
    return 1 - left_over / max(spread, 1e-9)


def drawn_box(template: Template, affine: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return (x, y, w, h): where an upright affine puts what a template draws."""
    x, y, w, h = template.drawn_box()
    corner = affine[:, :2] @ (x, y) + affine[:, 2]
    return float(corner[0]), float(corner[1]), float(affine[0, 0] * w), float(affine[1, 1] * h)
