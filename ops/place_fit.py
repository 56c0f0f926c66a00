"""Fit an upright place to matched points, and check how well a template looks like what lies there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ops.skins.template import Pixels, Template

if TYPE_CHECKING:
    from ops.locate import LocateConfig, Points


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
    return affine, len(distinct)


def _upright_fit(source: npt.NDArray[np.float64], target: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    centred = source - middle
    scale = float((centred * (target - goal)).sum() / max((centred**2).sum(), 1e-9))
    shift = goal - scale * middle
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def similarity(template: Template, affine: npt.NDArray[np.float64], grays: Pixels) -> float:
    """Return the correlation of the idle look with the frames' temporal median, over what is drawn."""
    import cv2

    median = np.median(grays, axis=0).astype(np.float32)
    size = (median.shape[1], median.shape[0])
    centres = affine.copy()
    centres[:, 2] += affine[:, :2] @ (0.5, 0.5) - 0.5
    look = cv2.warpAffine(
        cv2.cvtColor(template.rgba[..., :3], cv2.COLOR_RGB2GRAY).astype(np.float32), centres, size, flags=cv2.INTER_AREA
    )
    alpha = cv2.warpAffine(template.rgba[..., 3], centres, size, flags=cv2.INTER_AREA)
    drawn = alpha > 127
    if drawn.sum() < 16:
        return 0.0
    a, b = look[drawn] - look[drawn].mean(), median[drawn] - median[drawn].mean()
    return float((a * b).sum() / max(float(np.sqrt((a**2).sum() * (b**2).sum())), 1e-6))
