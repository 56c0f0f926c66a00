"""Pairs of pictures that XFeat learns from: a template and a frame that shows it, or two views of a scene."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ops.gamepad import Floats
from ops.overlay.config import LocateConfig
from ops.overlay.index import fixed_parts
from ops.skins.form import Skin, SkinRenderer
from ops.truth.degradation import through_h264
from ops.truth.synthesize import Background, make_pad_trace, procedural_background
from training.parser.skins import SkinPool

#: Of the pictures; multiples of 32, as the network wants them.
HEIGHT_PX = 320
WIDTH_PX = 416
#: Grey around a template, as `ops.overlay.index` describes it.
_GREY = 128
#: Correspondences that a pair must have.
_LEAST_POINTS = 16
#: Steps that draw from one small pool of skins: drawing a skin costs as much as a step.
_POOL_STEPS = 40
#: Skins in such a pool.
_POOL_SKINS = 24

# What makes the pairs hard. Chosen by eye on drawn pairs; none was tuned.
#: A template is described at the width nearest to the overlay's, with this error (standard deviation, logarithm).
_WIDTH_ERROR = 0.2
#: Opacity from which a pixel of a template counts as drawn.
_DRAWN = 0.3
#: How far an overlay may lie outside the picture, in pixels.
_OUTSIDE_PX = 20
#: Frames of the pad's play before the one that is drawn.
_PAD_FRAMES = 8
#: Most that a view is turned by, in degrees.
_TURN_DEG = 15
#: Most that a view is zoomed by, as a logarithm.
_ZOOM = 0.35
#: Most that a corner of a view is moved by, in pixels.
_CORNER_PX = 30
#: Scenes are larger than views by this factor, so that views fit in.
_SCENE = 1.5
#: Least and greatest factor of the second view's light.
_LIGHT = (0.7, 1.3)
#: Most that the second view's light is raised or lowered by, of 255.
_LIGHT_SHIFT = 25
#: Most Shi-Tomasi corners of a picture.
_MOST_CORNERS = 600
#: A corner's score over the best one's, at least.
_CORNER_QUALITY = 0.005
#: Distance of two corners, in pixels, at least; also the side of the cells in which points are thinned out.
_APART_PX = 4
#: Side of the window in which a corner is judged, in pixels.
_CORNER_WINDOW_PX = 3
#: Points nearer to the picture's edge than this are left out, in pixels.
_RIM_PX = 4
#: Points drawn at random per correspondence that is kept.
_DRAWS_PER_POINT = 4
#: More columns of cells than any picture has: one number names a cell.
_ROW_OF_CELLS = 4096

Gray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class XFeatTrainConfig:
    """One training run.

    Attributes:
        skins: folder of imported skins that take half of the draws; empty for procedural ones alone.
        held_out: patterns of imported skins that are not trained on.
        footage: folder of game videos for backgrounds; empty for drawn scenes alone.
        width_px: least and greatest width of an overlay.
        opacity: least and greatest.
        crf: least and greatest H.264 constant rate factor.
        homographies: share of the pairs that are two views of a scene.
        points: correspondences per pair.
        steps: optimizer steps.
        batch_size: pairs per step.
        learning_rate: peak of a one-cycle schedule.
        seed: of everything.
        save_every: steps between checkpoints.
    """

    skins: str = ""
    held_out: tuple[str, ...] = ()
    footage: str = ""
    width_px: tuple[float, float] = (140.0, 460.0)
    opacity: tuple[float, float] = (0.4, 1.0)
    crf: tuple[int, int] = (18, 34)
    homographies: float = 0.25
    points: int = 192
    steps: int = 2000
    batch_size: int = 4
    learning_rate: float = 2e-3
    seed: int = 0
    save_every: int = 100
    template_widths: tuple[int, ...] = field(default_factory=lambda: LocateConfig().template_widths)

    def to_dict(self) -> dict[str, Any]:
        """Return the config as JSON-able fields."""
        return asdict(self)


class Pair(NamedTuple):
    """Two pictures of the same thing.

    Attributes:
        first: (HEIGHT_PX, WIDTH_PX) uint8, the template or the first view.
        second: the same size, the frame or the second view.
        points: (n, 2, 2) float32, x, y (pixel centres at integers) in the first and in the second.
        corners: (m, 2, 2), those that are corners in the first; where keypoints shall be in both.
        foreign: (k, 2) in the second, of nothing in the first.
    """

    first: Gray
    second: Gray
    points: Floats
    corners: Floats
    foreign: Floats


def draw_pair(rng: np.random.Generator, skin: Skin | None, background: Background, config: XFeatTrainConfig) -> Pair:
    """Return a pair: of a skin and a frame, or of a background's two views where there is no skin."""
    if skin is None:
        first, second, matrix, mask = _draw_views(rng, background)
    else:
        first, second, matrix, mask = _draw_overlay(rng, skin, background, config)
    corners = _corners(first, mask)
    spread = _random_points(rng, mask, _DRAWS_PER_POINT * config.points)
    fresh = np.concatenate([rng.permutation(corners)[: config.points // 2], spread])
    foreign = _random_points(rng, np.full_like(mask, 255), config.points)
    seen = _carried(_carry(foreign, np.linalg.inv(matrix)), mask)
    return Pair(
        first, second, _thinned(_matched(fresh, matrix))[: config.points], _matched(corners, matrix), foreign[~seen]
    )


def _draw_overlay(
    rng: np.random.Generator, skin: Skin, background: Background, config: XFeatTrainConfig
) -> tuple[Gray, Gray, npt.NDArray[np.float64], Gray]:
    """Return (template, frame, homography from one to the other, where the template stays as it is)."""
    import cv2

    width = float(np.exp(rng.uniform(*np.log(config.width_px))))
    described = min(config.template_widths, key=lambda w: abs(np.log(w / width) + rng.normal(0, _WIDTH_ERROR)))
    template = skin.template()
    scale = described / template.width
    size = (described, max(1, round(template.height * scale)))
    alpha = template.rgba[..., 3:].astype(np.float32) / 255
    flat = (template.rgba[..., :3] * alpha + _GREY * (1 - alpha) + 0.5).astype(np.uint8)
    picture = cv2.cvtColor(cv2.resize(flat, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    drawn = (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) > _DRAWN).astype(np.uint8) * fixed_parts(
        template, size
    )
    left, top = (int(rng.uniform(min(0, room), max(0, room))) for room in (WIDTH_PX - size[0], HEIGHT_PX - size[1]))
    first, mask = _laid(np.asarray(picture, np.uint8), left, top, _GREY), _laid(drawn, left, top, 0)

    frame_scale = width / skin.width
    room = np.array([WIDTH_PX - width, HEIGHT_PX - skin.height * frame_scale])
    x, y = (float(rng.uniform(min(0, r) - _OUTSIDE_PX, max(0, r) + _OUTSIDE_PX)) for r in room)
    renderer = SkinRenderer(skin, width, x, y, float(rng.uniform(*config.opacity)))
    frame = background(rng, 1, HEIGHT_PX, WIDTH_PX)
    buttons, sticks, triggers = make_pad_trace(rng, _PAD_FRAMES)
    renderer.draw(frame[0], buttons[-1], sticks[-1], triggers[-1])
    frame = through_h264(frame, int(rng.integers(config.crf[0], config.crf[1] + 1)))
    matrix = np.array(
        [
            [frame_scale / scale, 0, x - left * frame_scale / scale],
            [0, frame_scale / scale, y - top * frame_scale / scale],
            [0, 0, 1],
        ]
    )
    return first, np.asarray(cv2.cvtColor(frame[0], cv2.COLOR_RGB2GRAY), np.uint8), matrix, mask


def _laid(picture: Gray, left: int, top: int, rest: int) -> Gray:
    """Return a picture laid into one of the training's size, cut off where it does not fit."""
    out = np.full((HEIGHT_PX, WIDTH_PX), rest, dtype=np.uint8)
    height, width = picture.shape
    y0, x0, y1, x1 = max(0, top), max(0, left), min(HEIGHT_PX, top + height), min(WIDTH_PX, left + width)
    out[y0:y1, x0:x1] = picture[y0 - top : y1 - top, x0 - left : x1 - left]
    return out


def _draw_views(rng: np.random.Generator, background: Background) -> tuple[Gray, Gray, npt.NDArray[np.float64], Gray]:
    """Return (view, view, homography from one to the other, all of the first)."""
    import cv2

    scene = cv2.cvtColor(background(rng, 1, int(HEIGHT_PX * _SCENE), int(WIDTH_PX * _SCENE))[0], cv2.COLOR_RGB2GRAY)
    to_view = []
    for _ in range(2):
        corners = np.array([[0, 0], [WIDTH_PX, 0], [WIDTH_PX, HEIGHT_PX], [0, HEIGHT_PX]], dtype=np.float32)
        middle = np.array([WIDTH_PX, HEIGHT_PX]) * _SCENE / 2
        angle, zoom = np.deg2rad(rng.uniform(-_TURN_DEG, _TURN_DEG)), np.exp(rng.uniform(-_ZOOM, _ZOOM))
        turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        taken = (
            (corners - (WIDTH_PX / 2, HEIGHT_PX / 2)) @ turn.T + middle + rng.uniform(-_CORNER_PX, _CORNER_PX, (4, 2))
        )
        to_view.append(cv2.getPerspectiveTransform(taken.astype(np.float32), corners))
    views = [
        cv2.warpPerspective(scene, matrix, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REFLECT) for matrix in to_view
    ]
    seen = cv2.warpPerspective(np.full_like(scene, 255), to_view[0], (WIDTH_PX, HEIGHT_PX))
    matrix = to_view[1] @ np.linalg.inv(to_view[0])
    light = np.clip(views[1] * rng.uniform(*_LIGHT) + rng.uniform(-_LIGHT_SHIFT, _LIGHT_SHIFT), 0, 255).astype(np.uint8)
    return np.asarray(views[0], np.uint8), light, matrix, np.asarray(seen, np.uint8)


def _corners(picture: Gray, mask: Gray) -> Floats:
    """Return (n, 2) Shi-Tomasi corners, the strongest first."""
    import cv2

    found = cv2.goodFeaturesToTrack(
        picture, _MOST_CORNERS, _CORNER_QUALITY, _APART_PX, mask=mask, blockSize=_CORNER_WINDOW_PX
    )
    return np.zeros((0, 2), np.float32) if found is None else found[:, 0].astype(np.float32)


def _random_points(rng: np.random.Generator, mask: Gray, count: int) -> Floats:
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return np.zeros((0, 2), np.float32)
    chosen = rng.integers(0, len(rows), count)
    return np.stack([columns[chosen], rows[chosen]], axis=1).astype(np.float32)


def _carry(points: Floats, matrix: npt.NDArray[np.float64]) -> Floats:
    """Return points moved by a homography of pixels whose edges are at integers."""
    moved = np.concatenate([points + 0.5, np.ones((len(points), 1))], axis=1) @ matrix.T
    return (moved[:, :2] / moved[:, 2:] - 0.5).astype(np.float32)


def _carried(points: Floats, mask: Gray) -> npt.NDArray[np.bool_]:
    """Return which points lie in a mask."""
    columns, rows = np.round(points).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < WIDTH_PX) & (rows < HEIGHT_PX)
    return np.asarray(inside & (mask[rows.clip(0, HEIGHT_PX - 1), columns.clip(0, WIDTH_PX - 1)] > 0))


def _matched(points: Floats, matrix: npt.NDArray[np.float64]) -> Floats:
    """Return (n, 2, 2): points and where they are in the second picture, those that it shows."""
    there = _carry(points, matrix)
    last = np.array([WIDTH_PX, HEIGHT_PX]) - 1
    inside = (there > _RIM_PX).all(axis=1) & (there < last - _RIM_PX).all(axis=1)
    return np.stack([points[inside], there[inside]], axis=1)


def _thinned(points: Floats) -> Floats:
    """Return points of which no two are in one cell, the first of each."""
    cells = np.floor(points[:, 0] / _APART_PX).astype(np.int64)
    _, first = np.unique(cells[:, 0] * _ROW_OF_CELLS + cells[:, 1], return_index=True)
    return points[np.sort(first)]


def draw_batch(step: int, config: XFeatTrainConfig, pool: SkinPool, footage: Background | None) -> list[Pair]:
    """Return the pairs of a step, a function of the config and the step."""
    few = np.random.default_rng((config.seed, 1, step // _POOL_STEPS))
    names = [pool.choose(few) for _ in range(_POOL_SKINS)]
    rng = np.random.default_rng((config.seed, 2, step))
    pairs = []
    for _ in range(config.batch_size):
        pair: Pair | None = None
        while pair is None or len(pair.points) < _LEAST_POINTS:  # a piece may show next to nothing of an overlay
            background = footage if footage is not None and rng.random() < 0.5 else procedural_background
            skin = None if rng.random() < config.homographies else pool.load(names[int(rng.integers(len(names)))]).skin
            pair = draw_pair(rng, skin, background, config)
        pairs.append(pair)
    return pairs
