"""Find the overlay: match templates against pictures of what stands still, pool the matches, fit one place.

An overlay stands still while the game moves. So frames spread over the video become a few temporal medians, one for
each stretch of time; their features are matched to every template's, and the matches of all medians are pooled before
one robust fit: small and translucent overlays then gather the inliers that no single frame has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ops.overlay.features import DescriptorIndex, Features, Matcher, Points, pooled_matches, stable_features
from ops.overlay.fit import drawn_box, explained, fit_place, similarity
from ops.skins.template import Pixels, Template, load_library
from ops.truth.scores import box_iou

VERSION = "6"

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_THREADS = 2
#: Pictures that are made at least, and frames of a median below which it shows what moves: then features must be at
#: one place in several pictures.
_LEAST_PICTURES, _LEAST_MEDIAN = 3, 3

#: Templates with this share of the best one's inliers are compared by their looks, and colourways at the same place
#: (share of the smaller box) once more, in a region with a rim of this share of the box.
_RIVAL_INLIERS, _RIVAL_SHARE, _MOST_RIVALS, _RIM = 0.5, 0.8, 12, 0.05
#: What a keypoint counts where no look agrees.
_UNLIKE = 0.3
#: Around the place that visual words give, a template is compared in full as far as this share of its box.
_REACH = 0.25


@dataclass(frozen=True)
class LocateConfig:
    """How overlays are looked for.

    Attributes:
        num_frames: sampled over the video (paper: 25).
        frames_per_picture: so many frames that follow each other become one median; at least three pictures are made.
        max_height: frames are shrunk to this height.
        ratio: a match's distance over that of the next best place must be below this.
        min_inliers: distinct template keypoints that must agree on a place (paper: 20).
        shortlist: so many templates, the best by the matches that visual words give, are compared in full around the
            place that these agree on.
        tolerance_px: how far an inlier may be off, in frame pixels.
        scale: least and greatest width of the overlay as a fraction of the template's.
        max_rotation_deg: overlays stand upright; a fit that does not is none.
        template_widths: widths in pixels at which templates are described.
    """

    num_frames: int = 25
    frames_per_picture: int = 5
    max_height: int = 720
    ratio: float = 0.8
    min_inliers: int = 20
    shortlist: int = 20
    tolerance_px: float = 3.0
    scale: tuple[float, float] = (0.1, 2.0)
    max_rotation_deg: float = 3.0
    template_widths: tuple[int, ...] = (400, 220)


@dataclass(frozen=True)
class TemplateIndex:
    """Templates with their features, in template pixels.

    Attributes:
        templates: the library.
        features: per template, those of all described widths together.
        matcher: made them, and makes those of the frames.
    """

    templates: tuple[Template, ...]
    features: tuple[Features, ...]
    matcher: Matcher

    @classmethod
    def build(cls, templates: Sequence[Template], matcher: Matcher, config: LocateConfig) -> TemplateIndex:
        """Describe the idle look of each template."""
        features = tuple(_describe_template(template, matcher, config) for template in templates)
        return cls(tuple(templates), features, matcher)

    @cached_property
    def words(self) -> DescriptorIndex:
        """All features by visual words."""
        return DescriptorIndex(self.features)

    def __add__(self, other: TemplateIndex) -> TemplateIndex:
        return TemplateIndex(self.templates + other.templates, self.features + other.features, self.matcher)

    def save(self, folder: Path) -> None:
        """Write the features into the library's folder, beside its templates."""
        ids = [template.template_id for template in self.templates]
        np.savez(
            folder / index_file(self.matcher),
            meta=np.array([json.dumps({"matcher": self.matcher.name, "templates": ids})]),
            counts=np.array([len(features) for features in self.features]),
            points=np.concatenate([features.points for features in self.features]),
            descriptors=np.concatenate([features.descriptors for features in self.features]).astype(np.float16),
        )

    @classmethod
    def load(cls, folder: Path, matcher: Matcher, config: LocateConfig) -> TemplateIndex:
        """Return the index of a library's folder: the saved one if it fits the templates and matcher, else a new one.

        Raises:
            BadInputError: a template cannot be read (`load_library`).
        """
        templates = load_library(folder)
        saved = folder / index_file(matcher)
        if saved.exists():
            with np.load(saved, allow_pickle=False) as arrays:
                meta = {"matcher": matcher.name, "templates": [template.template_id for template in templates]}
                if json.loads(str(arrays["meta"][0])) == meta:
                    ends = np.cumsum(arrays["counts"])[:-1]
                    points = np.split(arrays["points"], ends)
                    descriptors = np.split(arrays["descriptors"].astype(np.float32), ends)
                    features = tuple(Features(p, d) for p, d in zip(points, descriptors, strict=True))
                    return cls(templates, features, matcher)
        return cls.build(templates, matcher, config)


def index_file(matcher: Matcher) -> str:
    """Return the name of the file of a library's features."""
    return f"index-{matcher.name}.npz"


def _describe_template(template: Template, matcher: Matcher, config: LocateConfig) -> Features:
    import cv2

    alpha = template.rgba[..., 3:].astype(np.float32) / 255
    flat = (template.rgba[..., :3] * alpha + 128 * (1 - alpha) + 0.5).astype(np.uint8)
    parts = []
    for width in config.template_widths:
        scale = width / template.width
        size = (width, max(1, round(template.height * scale)))
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        gray = cv2.cvtColor(cv2.resize(flat, size, interpolation=interpolation), cv2.COLOR_RGB2GRAY)
        found = matcher.describe(np.asarray(gray, dtype=np.uint8), fixed_parts(template, size))
        parts.append(Features((found.points / scale).astype(np.float32), found.descriptors))
    return Features(np.concatenate([p.points for p in parts]), np.concatenate([p.descriptors for p in parts]))


def fixed_parts(template: Template, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return (height, width) uint8, 0 where a stick's cap moves: features there do not stay."""
    import cv2

    mask = np.full((size[1], size[0]), 255, dtype=np.uint8)
    scale = size[0] / template.width
    for name, area in template.controls.items():
        if area.travel > 0 and name.endswith("_stick"):
            centre = (round(area.cx * scale), round(area.cy * scale))
            cv2.circle(mask, centre, round(area.half_width * scale), 0, -1)
    return mask


class SampledFrames:
    """Frames of a video in order, (h, w, 3) uint8 RGB each, all of one size; features are made when asked for.

    Args:
        frames: spread over the time in question.
        frames_per_picture: see `LocateConfig`.
    """

    def __init__(self, frames: Sequence[Pixels], frames_per_picture: int) -> None:
        self.frames = list(frames)
        self.grays = [_gray(frame) for frame in frames]
        self._frames_per_picture = frames_per_picture
        self._features: dict[tuple[str, tuple[int, ...]], list[Features]] = {}

    def features(self, matcher: Matcher, rows: Sequence[int]) -> list[Features]:
        """Return the features of each median of some frames, those that stand still."""
        key = (matcher.name, tuple(rows))
        if key not in self._features:
            count = max(min(len(rows), _LEAST_PICTURES), round(len(rows) / self._frames_per_picture))
            groups = [rows[len(rows) * i // count : len(rows) * (i + 1) // count] for i in range(count)]
            pictures = [temporal_median([self.grays[row] for row in group]) for group in groups]
            described = _in_threads(matcher.describe, pictures)
            moving = len(rows) < _LEAST_MEDIAN * count
            self._features[key] = stable_features(described, self.grays[0].shape) if moving else described
        return self._features[key]


def temporal_median(pictures: Sequence[Pixels]) -> Pixels:
    """Return the median of equal-sized uint8 pictures; of an even number the mean of the middle two."""
    ordered = list(pictures)
    for step in range(len(ordered)):  # a sort by exchange of neighbours, of all pixels at once
        for low in range(step % 2, len(ordered) - 1, 2):
            pair = ordered[low : low + 2]
            ordered[low], ordered[low + 1] = np.minimum(*pair), np.maximum(*pair)
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return lower if len(ordered) % 2 else lower + (upper - lower) // 2


class Found(NamedTuple):
    """An overlay in frames.

    Attributes:
        template: the one it looks like.
        affine: (2, 3) template pixels to frame pixels.
        inliers: distinct template keypoints that agree.
        score: see `ops.overlay.fit.similarity`.
    """

    template: Template
    affine: npt.NDArray[np.float64]
    inliers: int
    score: float


#: left, top, right, bottom in frame pixels.
Box = tuple[float, float, float, float]


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

    return _fit_places(_in_threads(match, ranked[: config.shortlist]), config)


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
    grey = _gray(median)
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


def _gray(frame: Pixels) -> Pixels:
    import cv2

    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


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


def _in_threads(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Return a function's results in order; OpenCV and BLAS let other threads run."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(function, items))
