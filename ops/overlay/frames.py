"""Frames of a video, their medians over time, and the features of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import numpy as np

from ops.overlay.features import Features, Matcher, stable_features
from ops.skins.template import Pixels

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
#: Threads of one search. More were not measured.
_THREADS: Final = 2
#: At least so many medians are made, each of another stretch of time. Not measured.
_LEAST_PICTURES: Final = 3
#: A median of fewer frames shows what moves. Then features count only where several pictures have them.
_LEAST_MEDIAN: Final = 3


class SampledFrames:
    """Frames of a video in order, (h, w, 3) uint8 RGB each, all of one size; features are made when asked for.

    Args:
        frames: spread over the time in question.
        frames_per_picture: see `LocateConfig`.
    """

    def __init__(self, frames: Sequence[Pixels], frames_per_picture: int) -> None:
        self.frames = list(frames)
        self.grays = [to_gray(frame) for frame in frames]
        self._frames_per_picture = frames_per_picture
        self._features: dict[tuple[str, tuple[int, ...]], list[Features]] = {}

    def features(self, matcher: Matcher, rows: Sequence[int]) -> list[Features]:
        """Return the features of each median of some frames, those that stand still."""
        key = (matcher.name, tuple(rows))
        if key not in self._features:
            count = max(min(len(rows), _LEAST_PICTURES), round(len(rows) / self._frames_per_picture))
            groups = [rows[len(rows) * i // count : len(rows) * (i + 1) // count] for i in range(count)]
            pictures = [temporal_median([self.grays[row] for row in group]) for group in groups]
            described = in_threads(matcher.describe, pictures)
            moving = len(rows) < _LEAST_MEDIAN * count
            self._features[key] = stable_features(described, self.grays[0].shape) if moving else described
        return self._features[key]


def temporal_median(pictures: Sequence[Pixels]) -> Pixels:
    """Return the median of equal-sized uint8 pictures; of an even number the mean of the middle two, rounded down.

    It sorts by exchanging neighbours, all pixels at once. That is four times as fast as `np.median` for the few
    pictures that a search has, and gives the same values.
    """
    ordered = list(pictures)
    for step in range(len(ordered)):
        for low in range(step % 2, len(ordered) - 1, 2):
            pair = ordered[low : low + 2]
            ordered[low], ordered[low + 1] = np.minimum(*pair), np.maximum(*pair)
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return lower if len(ordered) % 2 else lower + (upper - lower) // 2


def to_gray(frame: Pixels) -> Pixels:
    """Return the brightness (h, w) of a frame (h, w, 3) uint8 RGB."""
    import cv2

    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def in_threads(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Return a function's results in order; OpenCV and BLAS let other threads run."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(function, items))
