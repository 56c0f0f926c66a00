"""Train kornia's XFeat on templates and the frames that show them: the renderer knows every true affine.

Three quarters of the pairs are a template and a frame piece with its overlay; the rest are two views of a scene under
a random homography. Losses after Potje et al. (CVPR 2024): dual softmax for descriptors, its probability as the
target of the reliability map; keypoints are taught by Shi-Tomasi corners in place of another network's, carried from
the first picture to the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from ops.gamepad import Floats
from ops.overlay.config import LocateConfig
from ops.overlay.index import fixed_parts
from ops.skins.form import Skin, SkinRenderer
from ops.truth.degradation import through_h264
from ops.truth.synthesize import Background, footage_background, make_pad_trace, procedural_background
from training.metrics import Progress
from training.parser.data import load_footage
from training.parser.skins import SkinPool

if TYPE_CHECKING:
    from kornia.feature import XFeat

#: Of the pictures; multiples of 32, as the network wants them.
HEIGHT_PX = 320
WIDTH_PX = 416
#: Pixels to each side of a cell of the network's maps (XFeat).
_CELL = 8
#: Of the softmax over descriptors. Chosen, not measured.
_TEMPERATURE = 0.1
#: Grey around a template, as `ops.overlay.index` describes it.
_GREY = 128
#: Correspondences that a pair must have.
_LEAST_POINTS = 16
#: Steps that draw from one small pool of skins: drawing a skin costs as much as a step.
_POOL_STEPS = 40
#: Skins in such a pool.
_POOL_SKINS = 24
_STATE = "state.pt"
#: Steps between two rows of progress.
_LOG_EVERY = 10
#: Share of the steps in which the learning rate rises.
_RISING = 0.05
#: Greatest norm of a step's gradients.
_CLIP_NORM = 1.0

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


def keypoint_targets(points: Tensor) -> Tensor:
    """Return (h, w) int64: in which of a cell's 64 pixels a keypoint is, 64 for none; `points` (n, 2) x, y."""
    target = torch.full((HEIGHT_PX // _CELL, WIDTH_PX // _CELL), _CELL * _CELL, dtype=torch.int64)
    x, y = points.round().long().flip(0).unbind(dim=1)  # the strongest is written last
    x, y = x.clamp(0, WIDTH_PX - 1), y.clamp(0, HEIGHT_PX - 1)
    target[y // _CELL, x // _CELL] = (y % _CELL) * _CELL + x % _CELL
    return target


def pair_loss(model: XFeat, pairs: list[Pair]) -> tuple[Tensor, dict[str, float]]:
    """Return (loss, its parts)."""
    pictures = torch.from_numpy(np.stack([picture for pair in pairs for picture in pair[:2]]))[:, None].float() / 255
    maps, logits, reliability = model.net(pictures)
    descriptor: list[Tensor] = []
    keypoint: list[Tensor] = []
    reliable: list[Tensor] = []
    right = count = 0
    for row, pair in enumerate(pairs):
        points, corners = torch.from_numpy(pair.points), torch.from_numpy(pair.corners)
        at = slice(2 * row, 2 * row + 1), slice(2 * row + 1, 2 * row + 2)
        found = [_sample(model, maps[side], points[:, k]) for k, side in enumerate(at)]
        others = _sample(model, maps[at[1]], torch.from_numpy(pair.foreign))
        likeness = found[0] @ torch.cat([found[1], others]).T / _TEMPERATURE
        forth = likeness.log_softmax(dim=1).diagonal()
        back = likeness[:, : len(points)].log_softmax(dim=0).diagonal()
        descriptor.append(-(forth + back).mean())
        with torch.no_grad():
            sure = ((forth + back) / 2).exp()
            right += int((likeness.argmax(dim=1) == torch.arange(len(points))).sum())
            count += len(points)
        for k, side in enumerate(at):
            value = model._bilinear(reliability[side], points[None, :, k], HEIGHT_PX, WIDTH_PX)[0, :, 0]
            reliable.append((value - sure).abs().mean())
            keypoint.append(_keypoint_loss(logits[2 * row + k], keypoint_targets(corners[:, k])))
    parts = {"descriptor": descriptor, "keypoint": keypoint, "reliability": reliable}
    means = {name: torch.stack(losses).mean() for name, losses in parts.items()}
    loss = torch.stack(list(means.values())).sum()
    return loss, {name: mean.item() for name, mean in means.items()} | {"right": right / max(1, count)}


def _sample(model: XFeat, feature_map: Tensor, points: Tensor) -> Tensor:
    """Return (n, 64) unit descriptors, sampled as inference samples them."""
    return F.normalize(model.interpolator(feature_map, points[None], HEIGHT_PX, WIDTH_PX)[0], dim=-1)


def _keypoint_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the cross-entropy of cells with and of cells without a keypoint, either half of it."""
    loss = F.cross_entropy(logits[None], target[None], reduction="none")[0]
    some = target < _CELL * _CELL
    return 0.5 * (loss[some].sum() / some.sum().clamp_min(1) + loss[~some].sum() / (~some).sum().clamp_min(1))


def train_xfeat(config: XFeatTrainConfig, folder: Path, progress: Progress | None = None) -> XFeat:
    """Return a trained network, in evaluation mode; a run that was cut short goes on from its state in a folder."""
    from kornia.feature import XFeat

    torch.manual_seed(config.seed)
    model = XFeat().train()
    model.net.fine_matcher.requires_grad_(False)  # of the semi-dense matching, which is not used
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, config.steps, pct_start=_RISING)
    parts = {"model": model.net, "optimizer": optimizer, "schedule": schedule}
    start = _resume(folder / _STATE, config, parts)
    pool = SkinPool(config.skins, config.held_out)
    footage = footage_background(load_footage(Path(config.footage))) if config.footage else None
    for step in range(start, config.steps):
        loss, row = pair_loss(model, draw_batch(step, config, pool, footage))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP_NORM)
        optimizer.step()
        schedule.step()
        if progress is not None and (step + 1) % _LOG_EVERY == 0:
            progress(step + 1, config.steps, {"step": step + 1, "loss": loss.item(), **row})
        if (step + 1) % config.save_every == 0 or step + 1 == config.steps:
            _save(folder / _STATE, config, parts, step + 1)
    return model.eval()


def _save(path: Path, config: XFeatTrainConfig, parts: dict[str, Any], step: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    torch.save({"config": config.to_dict(), "step": step, **dict(_states(parts))}, fresh)
    fresh.replace(path)


def _states(parts: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, part in parts.items():
        yield name, part.state_dict()


def _resume(path: Path, config: XFeatTrainConfig, parts: dict[str, Any]) -> int:
    """Load a state; return how many steps it has behind it, 0 where there is none of this config."""
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    if state["config"] != config.to_dict():
        return 0
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["step"])
