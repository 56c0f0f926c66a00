"""Fit an upright place to matched points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

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
#: Least and greatest horizontal scale over the vertical one: 4:3 shown as 16:9 is 1.33, and the other way .75.
_ASPECT: Final = (0.7, 1.43)
#: Pairs of matches that a fit of two scales is tried with. Not measured.
_PAIRS: Final = 200
#: Pairs nearer to each other than this along an axis tell no scale of it, in template pixels. Not measured.
_LEAST_APART_PX: Final = 20
#: Two scales are taken where so many times as many keypoints agree as with one. Not measured.
_MORE_INLIERS: Final = 1.25
#: And at least so many more. Not measured.
_FURTHER_INLIERS: Final = 5
#: Or where the same keypoints lie so much closer: two scales leave at most this share of the squared error of one.
_CLOSER: Final = 0.7
#: And the scales differ by at least this share; less is within what a fit of clips with square pixels is off.
_LEAST_SQUEEZE: Final = 0.012


def fit_place(
    source: Points, target: Points, config: LocateConfig, squeezed: bool = False
) -> tuple[npt.NDArray[np.float64], int] | None:
    """Return (affine (2, 3), distinct inliers) of an upright scaling and shift from source to target, or None.

    Args:
        source: (n, 2) points in the template.
        target: (n, 2) the points in the frame that they were matched to.
        config: tolerance and what a place may be like.
        squeezed: the picture may be squeezed, so that the scales of x and y differ. They do where that explains more
            than one scale does.
    """
    if len(source) < _LEAST_POINTS:
        return None
    inside, upright = _agreeing(source, target, config)
    even = _refined(source, target, inside, _upright_fit, config) if upright else None
    if squeezed:
        wide = _agreeing_squeezed(source, target, config)
        two = _refined(source, target, wide, _squeezed_fit, config)
        turned = not upright and wide.sum() <= inside.sum()
        if two is not None and not turned and (even is None or _explains_more(two, even)):
            even = two
    return (even.affine, even.inliers) if even else None


class _Fit(NamedTuple):
    """A place: its affine, the distinct keypoints that agree, and the mean squared error of the close matches."""

    affine: npt.NDArray[np.float64]
    inliers: int
    squared_error: float


def _explains_more(squeezed: _Fit, even: _Fit) -> bool:
    """Return whether two scales are worth their freedom."""
    (across, _, _), (_, down, _) = squeezed.affine.tolist()
    if not _ASPECT[0] <= across / down <= _ASPECT[1]:
        return False
    if squeezed.inliers >= max(_MORE_INLIERS * even.inliers, even.inliers + _FURTHER_INLIERS):
        return True
    closer = squeezed.inliers >= even.inliers and squeezed.squared_error <= _CLOSER * even.squared_error
    return closer and abs(across / down - 1) >= _LEAST_SQUEEZE


def _refined(
    source: Points,
    target: Points,
    inside: npt.NDArray[np.bool_],
    fit: Callable[[Points, Points], npt.NDArray[np.float64]],
    config: LocateConfig,
) -> _Fit | None:
    """Return the fit to what agrees, found again from what agrees with it; None where too little is left."""
    for _ in range(_ROUNDS):
        if inside.sum() < _LEAST_POINTS:
            return None
        affine = fit(source[inside], target[inside])
        error = np.hypot(*(source @ affine[:, :2].T + affine[:, 2] - target).T)
        inside = error < config.tolerance_px
    distinct = {(round(float(x) / _DISTINCT_PX), round(float(y) / _DISTINCT_PX)) for x, y in source[inside]}
    close = error < config.tolerance_px * _CLOSE_SHARE
    if close.sum() >= _LEAST_CLOSE:
        affine = fit(source[close], target[close])
    left = np.hypot(*(source[inside] @ affine[:, :2].T + affine[:, 2] - target[inside]).T)
    return _Fit(affine, len(distinct), float((left**2).mean()) if len(left) else np.inf)


def _agreeing(source: Points, target: Points, config: LocateConfig) -> tuple[npt.NDArray[np.bool_], bool]:
    """Return (n,) which matches agree on one place, and whether it stands upright and is of a possible size."""
    import cv2

    matrix, mask = cv2.estimateAffinePartial2D(
        source,
        target,
        method=cv2.RANSAC,
        ransacReprojThreshold=config.tolerance_px,
        maxIters=_RANSAC_TRIES,
        confidence=_RANSAC_CONFIDENCE,
    )
    if matrix is None or mask is None:
        return np.zeros(len(source), dtype=bool), False
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    turn_deg = abs(float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))))
    upright = turn_deg <= config.max_rotation_deg and config.scale[0] <= scale <= config.scale[1]
    return np.asarray(mask[:, 0], dtype=bool), upright


def _agreeing_squeezed(source: Points, target: Points, config: LocateConfig) -> npt.NDArray[np.bool_]:
    """Return (n,) which matches agree on one place whose scales of x and y may differ.

    Two matches settle such a place. So many pairs of matches are tried at once; the one with most agreement wins.
    """
    pairs = np.random.default_rng(len(source)).integers(len(source), size=(_PAIRS, 2))
    known, wanted = (np.diff(points[pairs].astype(np.float64), axis=1)[:, 0] for points in (source, target))
    apart = (np.abs(known) >= _LEAST_APART_PX).all(axis=1)
    scales = wanted[apart] / known[apart]
    low, high = config.scale
    possible = ((scales >= low) & (scales <= high)).all(axis=1)
    squeeze = np.divide(scales[:, 0], scales[:, 1], out=np.zeros(len(scales)), where=possible)
    right = (squeeze >= _ASPECT[0]) & (squeeze <= _ASPECT[1])
    if not right.any():
        return np.zeros(len(source), dtype=bool)
    first = pairs[apart][right, 0]
    scales = scales[right].astype(np.float32)
    shifts = target[first] - scales * source[first]
    off = [np.outer(scales[:, k], source[:, k]) + shifts[:, k, None] - target[:, k] for k in (0, 1)]
    error = np.hypot(*off)
    inside = error < config.tolerance_px
    return np.asarray(inside[inside.sum(axis=1).argmax()], dtype=bool)


def _upright_fit(source: Points, target: Points) -> npt.NDArray[np.float64]:
    """Return the (2, 3) scaling and shift of least squared error; OpenCV's own fits turn the picture too."""
    known, wanted = source.astype(np.float64), target.astype(np.float64)
    middle, goal = known.mean(axis=0), wanted.mean(axis=0)
    centred = known - middle
    scale = float((centred * (wanted - goal)).sum() / max((centred**2).sum(), _TINY_SPREAD))
    shift = goal - scale * middle
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])


def _squeezed_fit(source: Points, target: Points) -> npt.NDArray[np.float64]:
    """Return the (2, 3) scaling of each axis and shift of least squared error."""
    known, wanted = source.astype(np.float64), target.astype(np.float64)
    middle, goal = known.mean(axis=0), wanted.mean(axis=0)
    centred = known - middle
    scales = (centred * (wanted - goal)).sum(axis=0) / np.maximum((centred**2).sum(axis=0), _TINY_SPREAD)
    shift = goal - scales * middle
    return np.array([[scales[0], 0, shift[0]], [0, scales[1], shift[1]]])
