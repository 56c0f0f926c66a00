"""Train kornia's XFeat on templates and the frames that show them: the renderer knows every true affine.

Three quarters of the pairs are a template and a frame piece with its overlay; the rest are two views of a scene under
a random homography. Losses after Potje et al. (CVPR 2024): dual softmax for descriptors, its probability as the
target of the reliability map; keypoints are taught by Shi-Tomasi corners in place of another network's, carried from
the first picture to the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from ops.truth.synthesize import footage_background
from training.metrics import Progress
from training.parser.data import load_footage
from training.parser.pairs import HEIGHT_PX, WIDTH_PX, Pair, XFeatTrainConfig, draw_batch
from training.parser.skins import SkinPool

if TYPE_CHECKING:
    from kornia.feature import XFeat

#: Pixels to each side of a cell of the network's maps (XFeat).
_CELL = 8
#: Of the softmax over descriptors. Chosen, not measured.
_TEMPERATURE = 0.1
_STATE = "state.pt"
#: Steps between two rows of progress.
_LOG_EVERY = 10
#: Share of the steps in which the learning rate rises.
_RISING = 0.05
#: Greatest norm of a step's gradients.
_CLIP_NORM = 1.0


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
