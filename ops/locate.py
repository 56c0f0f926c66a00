"""Find the overlay: match templates against frames spread over the video, pool the matches, fit one place.

An overlay stands still while the game moves. Features that stay where they are over the sampled frames are kept,
each frame's are matched to every template's, and the matches of all frames are pooled before one robust fit: small
and translucent overlays then gather the inliers that no single frame has. Few frames are tried first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ops.features import Features, Matcher, distinct_features, pooled_matches, stable_features
from ops.outcomes import RejectedError
from ops.place_fit import explained, fit_place, similarity
from ops.scores import box_iou
from ops.skins.template import Pixels, Template, load_library

VERSION = "4"
INDEX_FILE = "index.npz"

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_THREADS = 2
#: The search ends when the best place has less than this share of the inliers that frames seen so far should give.
_HOPELESS = 0.5

#: Templates with this share of the best one's inliers at the same place (IoU) are compared by their looks, in a
#: region with a rim of this share of the box.
_RIVAL_INLIERS, _RIVAL_IOU, _MOST_RIVALS, _RIM = 0.5, 0.8, 12, 0.05


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
        shortlist: so many templates, the best by the first stage's distinct features, are tried on.
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
class Track:
    """An overlay found in a span of time.

    Attributes:
        start_s: first moment.
        stop_s: first moment after.
        template_id: which template.
        family: of the template.
        affine: (2, 3) nested, template pixels to source pixels.
        box: x, y, w, h in source pixels: tight bounds of what the idle overlay draws.
        inliers: distinct template keypoints that agree.
        score: correlation of the idle look with the video's temporal median, in [-1, 1].
    """

    start_s: float
    stop_s: float
    template_id: str
    family: str
    affine: tuple[tuple[float, float, float], tuple[float, float, float]]
    box: tuple[float, float, float, float]
    inliers: int
    score: float


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
        found = matcher.describe(np.asarray(gray, dtype=np.uint8), _fixed_parts(template, size))
        parts.append(Features((found.points / scale).astype(np.float32), found.descriptors))
    return Features(np.concatenate([p.points for p in parts]), np.concatenate([p.descriptors for p in parts]))


def _fixed_parts(template: Template, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return (height, width) uint8, 0 where a stick's cap moves: features there do not stay."""
    import cv2

    mask = np.full((size[1], size[0]), 255, dtype=np.uint8)
    scale = size[0] / template.width
    for name, area in template.controls.items():
        if area.travel > 0 and name.endswith("_stick"):
            centre = (round(area.cx * scale), round(area.cy * scale))
            cv2.circle(mask, centre, round(area.half_width * scale), 0, -1)
    return mask


def locate_frames(
    frames: Sequence[Pixels], index: TemplateIndex, matcher: Matcher, config: LocateConfig
) -> tuple[Template, npt.NDArray[np.float64], int, float] | None:
    """Return (template, affine (2, 3) to frame pixels, inliers, score) of the overlay in frames, None if there is none.

    Args:
        frames: (h, w, 3) uint8 RGB each, all of one size, spread over the time in question.
        index: built with the same matcher.
        matcher: finds features in the frames.
        config: see `LocateConfig`.
    """
    order = _spread_order(len(frames))
    grays = [_gray(frames[i]) for i in order]
    described: list[Features] = []
    # Distinct features rank the templates quickly; what they miss, all matches of the first frames may still find.
    for thorough in (False, True) if len(index.templates) > config.shortlist else (True,):
        places = _search(grays, described, index, matcher, config, thorough)
        if places and places[0].inliers >= config.min_inliers:
            break
    else:
        return None
    best = _most_alike(places, index, np.asarray(np.median(np.stack(frames), axis=0), dtype=np.uint8))
    template = index.templates[best.number]
    return template, best.affine, best.inliers, similarity(template, best.affine, np.stack(grays))


def _search(
    grays: Sequence[Pixels],
    described: list[Features],
    index: TemplateIndex,
    matcher: Matcher,
    config: LocateConfig,
    thorough: bool,
) -> list[_Place]:
    """Return the places of the most promising templates, the best first; `described` grows by the frames looked at."""
    places: list[_Place] = []
    candidates = list(range(len(index.templates)))
    for count in sorted({min(stage, len(grays)) for stage in (*config.stages, len(grays))}):
        described.extend(_in_threads(matcher.describe, grays[len(described) : count]))
        features = stable_features(described[:count], grays[0].shape)
        if len(candidates) > config.shortlist:
            ranked = _rank_places(features if thorough else [distinct_features(features)], index, candidates, config)
            candidates = [place.number for place in ranked[: config.shortlist]]
        places = _rank_places(features, index, candidates, config)
        if places and places[0].inliers >= config.settled_inliers:
            break
        if not places or places[0].inliers < config.min_inliers * _HOPELESS * count / len(grays):
            break
    return places


def _most_alike(places: Sequence[_Place], index: TemplateIndex, median: Pixels) -> _Place:
    """Return, of the best place and its rivals, the one whose look explains the picture: designs come in colours."""
    boxes = [_drawn_box(index.templates[place.number], place.affine) for place in places]
    rivals = [
        (place, box)
        for place, box in zip(places, boxes, strict=True)
        if place.inliers >= _RIVAL_INLIERS * places[0].inliers and box_iou(box, boxes[0]) >= _RIVAL_IOU
    ][:_MOST_RIVALS]
    if len(rivals) == 1:
        return places[0]
    x, y, w, h = boxes[0]
    height, width = median.shape[:2]
    region = (
        int(np.clip(x - _RIM * w, 0, width - 2)), int(np.clip(y - _RIM * h, 0, height - 2)),
        int(np.clip(x + (1 + _RIM) * w, 2, width)), int(np.clip(y + (1 + _RIM) * h, 2, height)),
    )  # fmt: skip
    looks = [explained(index.templates[place.number], place.affine, median, region) for place, _ in rivals]
    return rivals[int(np.argmax(looks))][0]


def _drawn_box(template: Template, affine: npt.NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Return (x, y, w, h): where an upright affine puts what a template draws."""
    x, y, w, h = template.drawn_box()
    corner = affine[:, :2] @ (x, y) + affine[:, 2]
    return float(corner[0]), float(corner[1]), float(affine[0, 0] * w), float(affine[1, 1] * h)


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


def _rank_places(
    frames: Sequence[Features], index: TemplateIndex, candidates: Sequence[int], config: LocateConfig
) -> list[_Place]:
    """Return the place of each candidate template that has one, the most agreed first."""

    def place_of(number: int) -> _Place | None:
        fitted = fit_place(*pooled_matches(index.features[number], frames, config.ratio), config)
        return None if fitted is None else _Place(number, *fitted)

    places = [place for place in _in_threads(place_of, candidates) if place is not None]
    return sorted(places, key=lambda place: -place.inliers)


def _in_threads(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Return a function's results in order; OpenCV and BLAS let other threads run."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(function, items))


def locate_video(
    path: Path, index: TemplateIndex, matcher: Matcher, config: LocateConfig, duration_s: float, height: int
) -> list[Track]:
    """Return the overlays of a video: for now one track over its whole time. Meant to run inside `ops.sandbox.call`.

    Args:
        path: the video.
        index: templates, described with `matcher`.
        matcher: finds features.
        config: see `LocateConfig`.
        duration_s: of the video, as probed.
        height: of its pictures in pixels.

    Raises:
        RejectedError: no template agrees with enough keypoints.
        BadInputError: frames cannot be read.
    """
    from ops.video import sample_frames

    frames = [frame for _, frame in sample_frames(path, config.num_frames, max_height=config.max_height)]
    found = locate_frames(frames, index, matcher, config)
    if found is None:
        raise RejectedError(f"no overlay found: no template has {config.min_inliers} keypoints that agree on a place")
    template, affine, inliers, score = found
    affine = affine * (height / frames[0].shape[0])
    box = _drawn_box(template, affine)
    rows = tuple(tuple(round(float(value), 6) for value in row) for row in affine)
    return [
        Track(
            start_s=0.0,
            stop_s=duration_s,
            template_id=template.template_id,
            family=template.family,
            affine=rows,  # type: ignore[arg-type]
            box=tuple(round(value, 3) for value in box),  # type: ignore[arg-type]
            inliers=inliers,
            score=round(score, 4),
        )
    ]
