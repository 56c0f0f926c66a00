"""Find the overlay: match templates against frames spread over the video, pool the matches, fit one place.

An overlay stands still while the game moves. Features that stay where they are over the sampled frames are kept,
each frame's are matched to every template's, and the matches of all frames are pooled before one robust fit: small
and translucent overlays then gather the inliers that no single frame has. Few frames are tried first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ops.features import DescriptorIndex, Features, Matcher, Points, pooled_matches, stable_features
from ops.place_fit import drawn_box, explained, fit_place, similarity
from ops.scores import box_iou
from ops.skins.template import Pixels, Template, load_library

VERSION = "5"
INDEX_FILE = "index.npz"

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_THREADS = 2
#: The search ends when the best place has less than this share of the inliers that frames seen so far should give.
_HOPELESS = 0.5

#: Templates with this share of the best one's inliers are compared by their looks, and colourways at the same place
#: (IoU) once more, in a region with a rim of this share of the box. What a keypoint counts where no look agrees.
_RIVAL_INLIERS, _RIVAL_IOU, _MOST_RIVALS, _RIM = 0.5, 0.8, 12, 0.05
_UNLIKE = 0.3


@dataclass(frozen=True)
class LocateConfig:
    """How overlays are looked for.

    Attributes:
        num_frames: sampled over the video (paper: 25).
        stages: how many frames are tried first, second, ...; all of them only if these do not settle it.
        max_height: frames are shrunk to this height.
        ratio: a match's distance over that of the next best place must be below this.
        min_inliers: distinct template keypoints that must agree on a place (paper: 20).
        settled_inliers: as many in a stage end the search.
        shortlist: so many templates, the best by the matches that visual words give, are compared in full.
        tolerance_px: how far an inlier may be off, in frame pixels.
        scale: least and greatest width of the overlay as a fraction of the template's.
        max_rotation_deg: overlays stand upright; a fit that does not is none.
        template_widths: widths in pixels at which templates are described.
    """

    num_frames: int = 25
    stages: tuple[int, ...] = (4, 10)
    max_height: int = 720
    ratio: float = 0.8
    min_inliers: int = 20
    settled_inliers: int = 30
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
        matcher: name of the matcher that made them.
    """

    templates: tuple[Template, ...]
    features: tuple[Features, ...]
    matcher: str = field(default="")

    @classmethod
    def build(cls, templates: Sequence[Template], matcher: Matcher, config: LocateConfig) -> TemplateIndex:
        """Describe the idle look of each template."""
        features = tuple(_describe_template(template, matcher, config) for template in templates)
        return cls(tuple(templates), features, matcher.name)

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
            folder / INDEX_FILE,
            meta=np.array([json.dumps({"matcher": self.matcher, "templates": ids})]),
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
        saved = folder / INDEX_FILE
        if saved.exists():
            with np.load(saved, allow_pickle=False) as arrays:
                meta = {"matcher": matcher.name, "templates": [template.template_id for template in templates]}
                if json.loads(str(arrays["meta"][0])) == meta:
                    ends = np.cumsum(arrays["counts"])[:-1]
                    points = np.split(arrays["points"], ends)
                    descriptors = np.split(arrays["descriptors"].astype(np.float32), ends)
                    features = tuple(Features(p, d) for p, d in zip(points, descriptors, strict=True))
                    return cls(templates, features, matcher.name)
        return cls.build(templates, matcher, config)


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
    """Frames of a video, (h, w, 3) uint8 RGB each, all of one size; their features are made when first asked for."""

    def __init__(self, frames: Sequence[Pixels], matcher: Matcher) -> None:
        self.frames = list(frames)
        self.grays = [_gray(frame) for frame in frames]
        self._matcher = matcher
        self._features: dict[int, Features] = {}

    def features(self, rows: Sequence[int]) -> list[Features]:
        """Return the features of some frames."""
        new = [row for row in rows if row not in self._features]
        described = _in_threads(self._matcher.describe, [self.grays[row] for row in new])
        self._features.update(zip(new, described, strict=True))
        return [self._features[row] for row in rows]


class Found(NamedTuple):
    """An overlay in frames.

    Attributes:
        template: the one it looks like.
        affine: (2, 3) template pixels to frame pixels.
        inliers: distinct template keypoints that agree.
        score: see `ops.place_fit.similarity`.
    """

    template: Template
    affine: npt.NDArray[np.float64]
    inliers: int
    score: float


#: left, top, right, bottom in frame pixels.
Box = tuple[float, float, float, float]


def locate_frames(
    frames: Sequence[Pixels], index: TemplateIndex, matcher: Matcher, config: LocateConfig
) -> Found | None:
    """Return the overlay in frames (see `search_frames`), (h, w, 3) uint8 RGB each, all of one size."""
    return search_frames(SampledFrames(frames, matcher), index, config)


def search_frames(
    sampled: SampledFrames,
    index: TemplateIndex,
    config: LocateConfig,
    rows: Sequence[int] | None = None,
    hidden: Sequence[Box] = (),
) -> Found | None:
    """Return the overlay that frames show at one place, None if there is none.

    Args:
        sampled: spread over the time in question.
        index: built with the matcher that describes the frames.
        config: see `LocateConfig`.
        rows: the frames to look at; all by default.
        hidden: parts of the picture to leave out.
    """
    rows = range(len(sampled.frames)) if rows is None else rows
    order = [rows[i] for i in _spread_order(len(rows))]
    places = _search(sampled, order, hidden, index, config)
    if not places or places[0].inliers < config.min_inliers:
        return None
    median = np.asarray(np.median(np.stack([sampled.frames[row] for row in rows]), axis=0), dtype=np.uint8)
    grey = np.asarray(np.median(np.stack([sampled.grays[row] for row in rows]), axis=0), dtype=np.uint8)
    best = _most_alike(places, index, median, grey)
    template = index.templates[best.number]
    return Found(template, best.affine, best.inliers, similarity(template, best.affine, grey))


def _search(
    sampled: SampledFrames, order: Sequence[int], hidden: Sequence[Box], index: TemplateIndex, config: LocateConfig
) -> list[_Place]:
    """Return the places of the most promising templates, the best first."""
    places: list[_Place] = []
    candidates: list[int] | None = (
        None if len(index.templates) > config.shortlist else list(range(len(index.templates)))
    )
    size = sampled.grays[0].shape
    for stage, count in enumerate(sorted({min(stage, len(order)) for stage in (*config.stages, len(order))})):
        described = [features[_outside(features, hidden)] for features in sampled.features(order[:count])]
        features = stable_features(described, size)
        if not candidates:
            ranked = _fit_places(enumerate(index.words.matches(features, config.ratio)), config)
            candidates = [place.number for place in ranked[: config.shortlist]]
        matched = [(number, pooled_matches(index.features[number], features, config.ratio)) for number in candidates]
        places = _fit_places(matched, config)
        if places and places[0].inliers >= config.settled_inliers:
            break
        # The first frames may show none of what comes and goes.
        if stage and (not places or places[0].inliers < config.min_inliers * _HOPELESS * count / len(order)):
            break
    return places


def _outside(features: Features, boxes: Sequence[Box]) -> npt.NDArray[np.bool_]:
    x, y = features.points.T
    kept = np.ones(len(features), dtype=bool)
    for left, top, right, bottom in boxes:
        kept &= (x < left) | (x >= right) | (y < top) | (y >= bottom)
    return kept


def _most_alike(places: Sequence[_Place], index: TemplateIndex, median: Pixels, grey: Pixels) -> _Place:
    """Return the place whose template looks most like the picture; keypoints alone are fooled by patterns.

    Of colourways of the design there, it is the one whose look explains the picture.
    """
    close = [place for place in places if place.inliers >= _RIVAL_INLIERS * places[0].inliers][:_MOST_RIVALS]
    looks = [similarity(index.templates[place.number], place.affine, grey) for place in close]
    scores = [place.inliers * (_UNLIKE + max(0.0, look)) for place, look in zip(close, looks, strict=True)]
    chosen = int(np.argmax(scores))
    best = close[chosen]
    boxes = [drawn_box(index.templates[place.number], place.affine) for place in close]
    rivals = [place for place, box in zip(close, boxes, strict=True) if box_iou(box, boxes[chosen]) >= _RIVAL_IOU]
    if len(rivals) == 1:
        return best
    x, y, w, h = boxes[chosen]
    height, width = median.shape[:2]
    region = (
        int(np.clip(x - _RIM * w, 0, width - 2)), int(np.clip(y - _RIM * h, 0, height - 2)),
        int(np.clip(x + (1 + _RIM) * w, 2, width)), int(np.clip(y + (1 + _RIM) * h, 2, height)),
    )  # fmt: skip
    looks = [explained(index.templates[place.number], place.affine, median, region) for place in rivals]
    return rivals[int(np.argmax(looks))]


def _spread_order(count: int) -> list[int]:
    """Return indices so that any first few are spread over the whole."""
    return sorted(range(count), key=lambda i: (i * 0.6180339887) % 1)


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
