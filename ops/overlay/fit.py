"""Fit an upright place to matched points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ops.overlay.config import LocateConfig
from ops.overlay.features import Points

#: The place is fitted to inliers within this share of the tolerance, if there are as many.
_CLOSE, _LEAST_CLOSE = 1 / 3, 12


def fit_place(source: Points, target: Points, config: LocateConfig) -> tuple[npt.NDArray[np.float64], int] | None:
    """Return (affine (2, 3), distinct inliers) of an upright scaling and shift from source to target, or None."""
    import cv2

    if len(source) < 4:
        return None
    matrix, mask = cv2.estimateAffinePartial2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=config.tolerance_px, maxIters=3000, confidence=0.999
    )
    if matrix is None or mask is None:
        return None
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    turn = abs(float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))))
    if turn > config.max_rotation_deg or not config.scale[0] <= scale <= config.scale[1]:
        return None
    inside = mask[:, 0].astype(bool)
    for _ in range(3):  # upright least squares on what agrees, then once more on what agrees with that
        if inside.sum() < 4:
            return None
        affine = _upright_fit(source[inside].astype(np.float64), target[inside].astype(np.float64))
        error = np.hypot(*(source @ affine[:, :2].T + affine[:, 2] - target).T)
        inside = error < config.tolerance_px
    distinct = {(round(float(x) / 3), round(float(y) / 3)) for x, y in source[inside]}
    close = error < config.tolerance_px * _CLOSE
    if close.sum() >= _LEAST_CLOSE:  # some matchers place keypoints more roughly than others
        affine = _upright_fit(source[close].astype(np.float64), target[close].astype(np.float64))
    return affine, len(distinct)


def _upright_fit(source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    centred = source - middle
    scale = float((centred * (target - goal)).sum() / max((centred**2).sum(), 1e-9))
    shift = goal - scale * middle
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
