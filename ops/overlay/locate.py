"""Find the overlay: match templates against pictures of what stands still, pool the matches, fit one place.

An overlay stands still while the game moves. So frames spread over the video become a few temporal medians, one for
each stretch of time; their features are matched to every template's, and the matches of all medians are pooled before
one robust fit: small and translucent overlays then gather the inliers that no single frame has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ops.overlay.appearance import drawn_box, explained, similarity
from ops.overlay.boxes import Box, box_iou
from ops.overlay.config import LocateConfig
from ops.overlay.features import Features, Points, pooled_matches
from ops.overlay.fit import fit_place
from ops.overlay.frames import SampledFrames, in_threads, temporal_median, to_gray
from ops.overlay.index import TemplateIndex
from ops.skins.template import Pixels, Template

VERSION = "6"


#: Templates with this share of the best one's inliers are compared by their looks, and colourways at the same place
#: (share of the smaller box) once more, in a region with a rim of this share of the box.
_RIVAL_INLIERS, _RIVAL_SHARE, _MOST_RIVALS, _RIM = 0.5, 0.8, 12, 0.05
#: What a keypoint counts where no look agrees.
_UNLIKE = 0.3
#: Around the place that visual words give, a template is compared in full as far as this share of its box.
_REACH = 0.25


class Found(NamedTuple):
    """An overlay in frames.

    Attributes:
        template: the one it looks like.
        affine: (2, 3) template pixels to frame pixels.
        inliers: distinct template keypoints that agree.
        score: see `ops.overlay.appearance.similarity`.
    """

    template: Template
    affine: npt.NDArray[np.float64]
    inliers: int
    score: float


def locate_frames(frames: Sequence[Pixels], index: TemplateIndex, config: LocateConfig) -> Found | None:
    """Return the overlay in frames (see `search_frames`), (h, w, 3) uint8 RGB each, all of one size."""
    return search_frames(SampledFrames(frames, config.frames_per_picture), [index], config)


def search_frames(
    sampled: SampledFrames,
    indices: Sequence[TemplateIndex],
    config: LocateConfig,
    rows: Sequence[int] | None = None,
    hidden: Sequence[Box] = (),
) -> Found | None:
    """Return the overlay that frames show at one place, None if there is none.

    Args:
        sampled: spread over the time in question.
        indices: the same templates as several matchers describe them; their matches are pooled.
        config: see `LocateConfig`.
        rows: the frames to look at; all by default.
        hidden: parts of the picture to leave out.
    """
    rows = range(len(sampled.frames)) if rows is None else rows
    places = _search(sampled, rows, hidden, indices, config)
    if not places or places[0].inliers < config.min_inliers:
        return None
    return _most_alike(places, indices[0].templates, [sampled.frames[row] for row in rows])


def _search(
    sampled: SampledFrames,
    rows: Sequence[int],
    hidden: Sequence[Box],
    indices: Sequence[TemplateIndex],
    config: LocateConfig,
) -> list[_Place]:
    """Return the places of the most promising templates, the best first."""
    described = [
        [features[~_inside(features, hidden)] for features in sampled.features(index.matcher, rows)]
        for index in indices
    ]
    by_words = [index.words.matches(features, config.ratio) for index, features in zip(indices, described, strict=True)]
    ways = by_words if len(by_words) == 1 else [*by_words, list(map(_pooled, zip(*by_words, strict=True)))]
    # Where one matcher finds hardly anything right, what it finds wrong must not hide what another one finds.
    ranked = _fit_places([matched for way in ways for matched in enumerate(way)], config)
    first = {place.number: place for place in reversed(ranked)}
    ranked = [place for place in ranked if place is first[place.number]]

    def match(place: _Place) -> tuple[int, tuple[Points, Points]]:
        x, y, w, h = drawn_box(indices[0].templates[place.number], place.affine)
        around = (x - _REACH * w, y - _REACH * h, x + (1 + _REACH) * w, y + (1 + _REACH) * h)
        found = (
            pooled_matches(
                index.features[place.number], [part[_inside(part, [around])] for part in features], config.ratio
            )
            for index, features in zip(indices, described, strict=True)
        )
        return place.number, _pooled(found)

    return _fit_places(in_threads(match, ranked[: config.shortlist]), config)


def _pooled(matches: Iterable[tuple[Points, Points]]) -> tuple[Points, Points]:
    sources, targets = zip(*matches, strict=True)
    return np.concatenate(sources), np.concatenate(targets)


def _inside(features: Features, boxes: Sequence[Box]) -> npt.NDArray[np.bool_]:
    """Return which features lie in one of the boxes."""
    x, y = features.points.T
    inside = np.zeros(len(features), dtype=bool)
    for left, top, right, bottom in boxes:
        inside |= (x >= left) & (x < right) & (y >= top) & (y < bottom)
    return inside


def _most_alike(places: Sequence[_Place], templates: Sequence[Template], frames: Sequence[Pixels]) -> Found:
    """Return the place whose template looks most like the picture; keypoints alone are fooled by patterns.

    Of colourways of the design there, it is the one whose look explains the picture.
    """
    close = [place for place in places if place.inliers >= _RIVAL_INLIERS * places[0].inliers][:_MOST_RIVALS]
    boxes = [drawn_box(templates[place.number], place.affine) for place in close]
    median, shift = _median_around(boxes, frames)
    close = [place._replace(affine=place.affine - shift) for place in close]
    boxes = [drawn_box(templates[place.number], place.affine) for place in close]
    grey = to_gray(median)
    looks = [similarity(templates[place.number], place.affine, grey) for place in close]
    scores = [place.inliers * (_UNLIKE + max(0.0, look)) for place, look in zip(close, looks, strict=True)]
    chosen = int(np.argmax(scores))
    rivals = [row for row, box in enumerate(boxes) if _shared(box, boxes[chosen]) >= _RIVAL_SHARE]
    if len(rivals) > 1:
        region = _region([boxes[row] for row in rivals], median.shape)
        explains = [explained(templates[close[row].number], close[row].affine, median, region) for row in rivals]
        chosen = rivals[int(np.argmax(explains))]
    best = close[chosen]
    return Found(templates[best.number], best.affine + shift, best.inliers, looks[chosen])


def _shared(first: Sequence[float], second: Sequence[float]) -> float:
    """Return which share of the smaller of two boxes x, y, w, h the other one covers: a design may be drawn in part."""
    common = box_iou(first, second) * (first[2] * first[3] + second[2] * second[3])
    smaller = min(first[2] * first[3], second[2] * second[3])
    return common / (1 + box_iou(first, second)) / smaller


def _median_around(
    boxes: Sequence[tuple[float, ...]], frames: Sequence[Pixels]
) -> tuple[Pixels, npt.NDArray[np.float64]]:
    """Return the frames' median around boxes, and what is added to an affine into it to be one into the frames."""
    left, top, right, bottom = _region(boxes, frames[0].shape)
    median = temporal_median([frame[top:bottom, left:right] for frame in frames])
    return median, np.array([[0, 0, left], [0, 0, top]], dtype=np.float64)


def _region(boxes: Sequence[tuple[float, ...]], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of boxes, each with a rim around it, inside a picture of a shape."""
    x, y, w, h = np.array(boxes).T
    height, width = shape[:2]
    return (
        int(np.clip((x - _RIM * w).min(), 0, width - 2)), int(np.clip((y - _RIM * h).min(), 0, height - 2)),
        int(np.clip((x + (1 + _RIM) * w).max(), 2, width)), int(np.clip((y + (1 + _RIM) * h).max(), 2, height)),
    )  # fmt: skip


class _Place(NamedTuple):
    """Where a template of the index (by number) may lie, and how many keypoints agree."""

    number: int
    affine: npt.NDArray[np.float64]
    inliers: int


def _fit_places(matched: Iterable[tuple[int, tuple[Points, Points]]], config: LocateConfig) -> list[_Place]:
    """Return the place of each template (number, matches) that has one, the most agreed first."""
    fitted = ((number, fit_place(*points, config)) for number, points in matched)
    places = [_Place(number, *place) for number, place in fitted if place is not None]
    return sorted(places, key=lambda place: -place.inliers)
