"""Local features of pictures: which of them stand still over a video's frames, and which are alike."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

#: Cosine below which a match hardly ever passes the ratio test, so that its rivals are not looked for. Not measured.
_LEAST_SIMILARITY: Final = 0.72
#: The next best match counts as a rival only if it is this far off, in pixels along x or y: keypoints share places.
_OTHER_PLACE_PX: Final = 4
#: Squared distance of the next best match is at least this, so that the ratio to it is finite.
_TINY_DISTANCE: Final = 1e-6
#: Features at one place are told apart from passing ones in at least so many frames.
_LEAST_FRAMES: Final = 3
#: A feature stands still if, besides its own frame, one frame in so many has one there.
_STILL_ONE_IN: Final = 6
#: Two features within this many pixels, or in neighbouring cells of this side, are at one place.
_CELL_PX: Final = 2.0
#: Words of an index. With four looked into, ranking a library by them costs a tenth of comparing all (docs/log.md).
_NUM_WORDS: Final = 256
#: Words that a frame's feature looks into.
_PROBES: Final = 4
#: Words are made from about so many descriptors.
_WORD_SAMPLE: Final = 16384
#: Rounds of k-means. Words need not be the best ones, only spread over what there is.
_WORD_ROUNDS: Final = 3
#: Descriptors are compared with the words in parts of about this size, so that memory stays small.
_PART: Final = 8192
#: Keeps the mean of opposite descriptors finite.
_TINY_LENGTH: Final = 1e-6


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


def stable_features(described: Sequence[Features], size: tuple[int, int], cell: float = _CELL_PX) -> list[Features]:
    """Return each frame's features that other frames have at the same place; all if frames are too few to tell.

    Args:
        described: features of each frame.
        size: height and width of the frames.
        cell: two features within this many pixels, or a neighbouring cell of that size, are at the same place.
    """
    import cv2

    if len(described) < _LEAST_FRAMES:
        return list(described)
    shape = (int(size[0] / cell) + 1, int(size[1] / cell) + 1)
    places = [(f.points / cell).astype(int) for f in described]
    counts = np.zeros(shape, dtype=np.uint8)
    for place in places:
        occupied = np.zeros(shape, dtype=np.uint8)
        occupied[place[:, 1].clip(0, shape[0] - 1), place[:, 0].clip(0, shape[1] - 1)] = 1
        counts += np.asarray(cv2.dilate(occupied, np.ones((3, 3), np.uint8)), dtype=np.uint8)
    needed = 1 + max(1, len(described) // _STILL_ONE_IN)
    return [
        features[counts[place[:, 1].clip(0, shape[0] - 1), place[:, 0].clip(0, shape[1] - 1)] >= needed]
        for features, place in zip(described, places, strict=True)
    ]


def pooled_matches(template: Features, frames: Sequence[Features], ratio: float) -> tuple[Points, Points]:
    """Return matched points (n, 2) in the template and in the frames, over all frames."""
    sources, targets = [np.zeros((0, 2), np.float32)], [np.zeros((0, 2), np.float32)]
    for features in frames:
        rows, found = _ratio_matches(template.descriptors, features, ratio)
        sources.append(template.points[rows])
        targets.append(features.points[found])
    return np.concatenate(sources), np.concatenate(targets)


def _ratio_matches(descriptors: npt.NDArray[np.float32], features: Features, ratio: float) -> tuple[Numbers, Numbers]:
    """Return which descriptors have a match that is clearly better than the next best elsewhere, and which it is."""
    if len(features) < 2 or len(descriptors) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    similarity = descriptors @ features.descriptors.T
    rows = np.flatnonzero(similarity.max(axis=1) >= _LEAST_SIMILARITY)
    similarity = similarity[rows]
    best = similarity.argmax(axis=1)
    top = similarity[np.arange(len(best)), best]
    # The next best must be another place: several keypoints (scales, angles) share one.
    x, y = features.points.T
    same = (np.abs(x - x[best, None]) < _OTHER_PLACE_PX) & (np.abs(y - y[best, None]) < _OTHER_PLACE_PX)
    second = np.where(same, -1, similarity).max(axis=1, initial=-1)
    # Unit vectors of cosine c are the root of 2 - 2c apart.
    distance = np.sqrt(np.maximum(2 - 2 * top, 0))
    good = distance < ratio * np.sqrt(np.maximum(2 - 2 * second, _TINY_DISTANCE))
    return rows[good], best[good]


class DescriptorIndex:
    """All templates' descriptors by visual words, so that a frame's features are compared with few of them.

    A word is the neighbourhood of one of `_NUM_WORDS` descriptors. A template's descriptor is in the word nearest to
    it. A frame's feature looks into the nearest few words. What it misses costs some matches, not the template.

    Args:
        templates: features of each template.
    """

    def __init__(self, templates: Sequence[Features]) -> None:
        everything = np.concatenate([features.descriptors for features in templates])
        self._words = _visual_words(everything)
        parts = np.array_split(everything, 1 + len(everything) // _PART)
        nearest = np.concatenate([(part @ self._words.T).argmax(axis=1) for part in parts])
        order = np.argsort(nearest, kind="stable")
        self._descriptors = everything[order]
        self._points = np.concatenate([features.points for features in templates])[order]
        self._template = np.repeat(np.arange(len(templates)), [len(features) for features in templates])[order]
        self._ends = np.searchsorted(nearest[order], np.arange(len(self._words) + 1))
        self._num_templates = len(templates)

    def matches(self, pictures: Sequence[Features], ratio: float) -> list[tuple[Points, Points]]:
        """Return, of each template, matched points (n, 2) in it and in the pictures, which count as one."""
        features, probes = self._distinct(pictures)
        found_rows, found_targets = [np.zeros(0, np.int64)], [np.zeros((0, 2), np.float32)]
        for word in range(len(self._words)):
            rows = slice(self._ends[word], self._ends[word + 1])
            near = features[(probes == word).any(axis=1)]
            matched, best = _ratio_matches(self._descriptors[rows], near, ratio)
            found_rows.append(matched + rows.start)
            found_targets.append(near.points[best])
        rows_found, targets = np.concatenate(found_rows), np.concatenate(found_targets)
        order = np.argsort(self._template[rows_found], kind="stable")
        ends = np.searchsorted(self._template[rows_found][order], np.arange(1, self._num_templates))
        sources = np.split(self._points[rows_found][order], ends)
        return list(zip(sources, np.split(targets[order], ends), strict=True))

    def _distinct(self, pictures: Sequence[Features]) -> tuple[Features, Numbers]:
        """Return the features that differ in place or word, and the words (n, probes) that each looks into."""
        features = Features(
            np.concatenate([picture.points for picture in pictures]),
            np.concatenate([picture.descriptors for picture in pictures]),
        )
        affinity = features.descriptors @ self._words.T
        nearest = affinity.argmax(axis=1)
        cells = np.column_stack([(features.points / _CELL_PX).astype(np.int64), nearest])
        rows = np.unique(cells, axis=0, return_index=True)[1]
        count = min(_PROBES, len(self._words))
        probes = np.argpartition(affinity[rows], -count, axis=1)[:, -count:]
        return Features(features.points[rows], features.descriptors[rows]), probes


def _visual_words(descriptors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return (at most _NUM_WORDS, d): unit-length centres of a sample of descriptors after some rounds of k-means."""
    from scipy.cluster.vq import kmeans2

    sample = descriptors[:: max(1, len(descriptors) // _WORD_SAMPLE)]
    words = sample[:: max(1, -(-len(sample) // _NUM_WORDS))].copy()
    for _ in range(_WORD_ROUNDS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a word that is nearest to nothing: it stays as it is
            words, _labels = kmeans2(sample, words, iter=1, minit="matrix")
        words /= np.maximum(np.linalg.norm(words, axis=1, keepdims=True), _TINY_LENGTH)
    return np.asarray(words, dtype=np.float32)
