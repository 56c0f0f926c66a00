"""Local features of pictures: which of them stand still over a video's frames, and which are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]

#: Cosine below which a match hardly ever passes the ratio test, so that its rivals are not looked for.
_LEAST_SIMILARITY = 0.72
#: Features of two frames in one cell of this many pixels are taken for the same.
_SAME_PLACE_PX = 3.0


@dataclass(frozen=True)
class Features:
    """Keypoints of one picture.

    Attributes:
        points: (n, 2) x, y in pixels, pixel edges at integers.
        descriptors: (n, d) of unit length.
    """

    points: Points
    descriptors: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: npt.NDArray[np.bool_]) -> Features:
        return Features(self.points[rows], self.descriptors[rows])

    @classmethod
    def none(cls, width: int) -> Features:
        """Return no keypoints, with descriptors of a width."""
        return cls(np.zeros((0, 2), np.float32), np.zeros((0, width), np.float32))


class Matcher(Protocol):
    """Finds and describes local features."""

    @property
    def name(self) -> str:
        """What an index built with these features is keyed by."""
        ...

    def describe(self, gray: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8] | None = None) -> Features:
        """Return the features of a picture (h, w) uint8, where `mask` (h, w) is not 0."""
        ...

    def __hash__(self) -> int:
        """Equal matchers are one key of a cache."""
        ...


def stable_features(described: Sequence[Features], size: tuple[int, int], cell: float = 2.0) -> list[Features]:
    """Return each frame's features that other frames have at the same place; all if frames are too few to tell.

    Args:
        described: features of each frame.
        size: height and width of the frames.
        cell: two features within this many pixels, or a neighbouring cell of that size, are at the same place.
    """
    import cv2

    if len(described) < 3:
        return list(described)
    shape = (int(size[0] / cell) + 1, int(size[1] / cell) + 1)
    places = [(f.points / cell).astype(int) for f in described]
    counts = np.zeros(shape, dtype=np.uint8)
    for place in places:
        occupied = np.zeros(shape, dtype=np.uint8)
        occupied[place[:, 1].clip(0, shape[0] - 1), place[:, 0].clip(0, shape[1] - 1)] = 1
        counts += np.asarray(cv2.dilate(occupied, np.ones((3, 3), np.uint8)), dtype=np.uint8)
    needed = 1 + max(1, len(described) // 6)  # itself, and one frame in six
    return [
        features[counts[place[:, 1].clip(0, shape[0] - 1), place[:, 0].clip(0, shape[1] - 1)] >= needed]
        for features, place in zip(described, places, strict=True)
    ]


def distinct_features(frames: Sequence[Features]) -> Features:
    """Return the features of all frames together, those of a place from the first frame that has any there."""
    seen = np.zeros(0, dtype=np.int64)
    parts = []
    for features in frames:
        cells = np.floor(features.points / _SAME_PLACE_PX).astype(np.int64) @ (1, 1 << 20)
        parts.append(features[~np.isin(cells, seen)])
        seen = np.union1d(seen, cells)
    return Features(np.concatenate([p.points for p in parts]), np.concatenate([p.descriptors for p in parts]))


def pooled_matches(template: Features, frames: Sequence[Features], ratio: float) -> tuple[Points, Points]:
    """Return matched points (n, 2) in the template and in the frames, over all frames."""
    sources, targets = [], []
    for features in frames:
        if len(features) < 2 or len(template) == 0:
            continue
        similarity = template.descriptors @ features.descriptors.T
        rows = np.flatnonzero(similarity.max(axis=1) >= _LEAST_SIMILARITY)
        similarity = similarity[rows]
        best = similarity.argmax(axis=1)
        top = similarity[np.arange(len(best)), best]
        # The next best must be another place: several keypoints (scales, angles) share one.
        x, y = features.points.T
        same = (np.abs(x - x[best, None]) < 4) & (np.abs(y - y[best, None]) < 4)
        second = np.where(same, -1, similarity).max(axis=1, initial=-1)
        good = np.sqrt(np.maximum(2 - 2 * top, 0)) < ratio * np.sqrt(np.maximum(2 - 2 * second, 1e-6))
        sources.append(template.points[rows[good]])
        targets.append(features.points[best[good]])
    if not sources:
        return np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32)
    return np.concatenate(sources), np.concatenate(targets)
