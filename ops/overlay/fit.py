"""Fit an upright place to matched points."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ops.overlay.config import LocateConfig
from ops.overlay.features import Points

#: Fewer points than this agree on any place by chance.
_LEAST_POINTS: Final = 4
#: Tries and certainty of RANSAC. OpenCV's own defaults are 2000 and .99.
_RANSAC_TRIES: Final = 3000
_RANSAC_CONFIDENCE: Final = 0.999
#: Rounds of an upright fit to what agreed with the one before. Not measured.
_ROUNDS: Final = 3
#: Points in one cell of this side, in template pixels, count as one keypoint: several scales and angles share a place.
_DISTINCT_PX: Final = 3
#: The final fit uses the inliers within this share of the tolerance. Some matchers place keypoints more roughly.
_CLOSE_SHARE: Final = 1 / 3
#: It does so only where there are so many of them.
_LEAST_CLOSE: Final = 12
#: Keeps the scale of points that all lie at one place finite.
_TINY_SPREAD: Final = 1e-9


def fit_place(source: Points, target: Points, config: LocateConfig) -> tuple[npt.NDArray[np.float64], int] | None:
    """Return (affine (2, 3), distinct inliers) of an upright scaling and shift from source to target, or None.

    Args:
        source: (n, 2) points in the template.
        target: (n, 2) the points in the frame that they were matched to.
        config: tolerance and what a place may be like.
    """
    inside = _agreeing(source, target, config)
    if inside is None:
        return None
    for _ in range(_ROUNDS):
        if inside.sum() < _LEAST_POINTS:
            return None
        affine = _upright_fit(source[inside], target[inside])
        error = np.hypot(*(source @ affine[:, :2].T + affine[:, 2] - target).T)
        inside = error < config.tolerance_px
    distinct = {(round(float(x) / _DISTINCT_PX), round(float(y) / _DISTINCT_PX)) for x, y in source[inside]}
    close = error < config.tolerance_px * _CLOSE_SHARE
    if close.sum() >= _LEAST_CLOSE:
        affine = _upright_fit(source[close], target[close])
    return affine, len(distinct)


def _agreeing(source: Points, target: Points, config: LocateConfig) -> npt.NDArray[np.bool_] | None:
    """Return (n,) which matches agree on one place; None if they agree on none, or it is turned or of a wrong size."""
    import cv2

    if len(source) < _LEAST_POINTS:
        return None
    matrix, mask = cv2.estimateAffinePartial2D(
        source,
        target,
        method=cv2.RANSAC,
        ransacReprojThreshold=config.tolerance_px,
        maxIters=_RANSAC_TRIES,
        confidence=_RANSAC_CONFIDENCE,
    )
    if matrix is None or mask is None:
        return None
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    turn_deg = abs(float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))))
    if turn_deg > config.max_rotation_deg or not config.scale[0] <= scale <= config.scale[1]:
        return None
    return np.asarray(mask[:, 0], dtype=bool)


def _upright_fit(source: Points, target: Points) -> npt.NDArray[np.float64]:
    """Return the (2, 3) scaling and shift of least squared error; OpenCV's own fits turn the picture too."""
    known, wanted = source.astype(np.float64), target.astype(np.float64)
    middle, goal = known.mean(axis=0), wanted.mean(axis=0)
    centred = known - middle
    scale = float((centred * (wanted - goal)).sum() / max((centred**2).sum(), _TINY_SPREAD))
    shift = goal - scale * middle
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
