"""Offline metrics of a policy on held-out videos, beside predictors that know nothing of the picture.

Baselines: `null` (nothing pressed, sticks centred), `last` (the labels of the frame itself go on; it is told what no
policy is told) and `mean` (the training side's mean action). Intervals are bootstrapped over whole videos, or over
chunks where there are few videos: frames of one video are no independent evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from ops.gamepad import AXES, DATASET, NEUTRAL_PACKED, Floats
from ops.storage import Store
from training.chunks import future_actions, list_sources, load_chunk, read_source
from training.infer import PolicyActor

POLICY: Final = "policy"
BASELINES: Final = ("null", "last", "mean")

#: From this many held-out videos on, they are what the bootstrap draws; below, chunks are.
_MIN_VIDEOS: Final = 5
#: Training chunks that the mean action comes from.
_MEAN_CHUNKS: Final = 200
#: An axis that moves less than this (variance of the packed value) has no R2.
_MIN_VARIANCE: Final = 1e-6

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EvalConfig:
    """How a policy is evaluated.

    Attributes:
        split: side of the split.
        frame_stride: every n-th frame of a chunk is evaluated.
        max_chunks: evaluate at most this many, spread evenly over the side.
        num_samples: drawn action chunks per frame; their mean is the prediction.
        threshold: a button value above it counts as pressed.
        num_resamples: of the bootstrap.
        level: of the intervals.
        seed: of noise and bootstrap.
    """

    split: str = "val"
    frame_stride: int = 10
    max_chunks: int = 200
    num_samples: int = 4
    threshold: float = 0.5
    num_resamples: int = 1000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.frame_stride, self.max_chunks, self.num_samples, self.num_resamples) < 1 or not 0 < self.level < 1:
            raise ValueError(f"positive counts and 0 < level < 1 expected, got {self}")


@dataclass(frozen=True)
class _Sums:
    """What all metrics of one predictor are computed from, per group of frames (first axis).

    Attributes:
        hits: (groups, 3, buttons) true positives, false positives, false negatives.
        sticks: (groups, 5, horizon, axes) count, sum and sum of squares of the truth, squared error, absolute error.
    """

    hits: Doubles
    sticks: Doubles


def evaluate(actor: PolicyActor, store: Store, batches: Sequence[str], config: EvalConfig) -> dict[str, Any]:
    """Return JSON-able metrics: scores with intervals, differences to the baselines, per button, per horizon step.

    Raises:
        ValueError: the side holds no chunk.
    """
    sources = list_sources(store, batches, config.split)
    picks = np.linspace(0, len(sources) - 1, min(config.max_chunks, len(sources))).astype(int)
    mean_action = _mean_action(actor, store, batches)
    groups: list[str] = []
    sums: dict[str, list[_Sums]] = {name: [] for name in (POLICY, *BASELINES)}
    num_frames = 0
    for number in dict.fromkeys(picks.tolist()):
        source = sources[number]
        chunk = load_chunk(store, source, config.frame_stride, actor.config.vision.image_px)
        truth = future_actions(chunk.trace, chunk.rows, actor.config)
        layout = actor.config.action_layout
        shown = layout.pack(layout.take_buttons(chunk.trace.buttons, DATASET), chunk.trace.sticks)[chunk.rows]
        rest = _rest(actor)
        predictions = {
            POLICY: _predict(actor, chunk.frames, config, number),
            "null": np.broadcast_to(rest, truth.shape),
            "last": np.broadcast_to(np.where(np.isfinite(shown), shown, rest)[:, None], truth.shape),
            "mean": np.broadcast_to(mean_action, truth.shape),
        }
        for name, prediction in predictions.items():
            sums[name].append(_count(prediction, truth, layout.num_buttons, config.threshold))
        groups.append(source.row.video_id)
        num_frames += len(truth)
    videos = sorted(set(groups))
    unit = "video" if len(videos) >= _MIN_VIDEOS else "chunk"
    members = [[index for index, video in enumerate(groups) if video == name] for name in videos]
    merged = {
        name: _merge(parts, members if unit == "video" else [[index] for index in range(len(parts))])
        for name, parts in sums.items()
    }
    return _summarize(merged, actor, config) | {
        "num_videos": len(videos),
        "num_chunks": len(groups),
        "num_frames": num_frames,
        "bootstrap_unit": unit,
    }


def _rest(actor: PolicyActor) -> Floats:
    num_buttons = actor.config.action_layout.num_buttons
    return np.array([0.0] * num_buttons + [NEUTRAL_PACKED] * len(AXES), dtype=np.float32)


def _mean_action(actor: PolicyActor, store: Store, batches: Sequence[str]) -> Floats:
    """Return (channels,): the mean packed action of the training side, at rest where it knows none."""
    sources = list_sources(store, batches, "train")
    layout = actor.config.action_layout
    packed = []
    for number in dict.fromkeys(np.linspace(0, len(sources) - 1, min(_MEAN_CHUNKS, len(sources))).astype(int).tolist()):
        trace = read_source(store, sources[number])[1]
        packed.append(layout.pack(layout.take_buttons(trace.buttons, DATASET), trace.sticks))
    values = np.concatenate(packed)
    known = np.isfinite(values)
    mean = np.where(known, values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known.any(axis=0), mean, _rest(actor)).astype(np.float32)


def _predict(actor: PolicyActor, frames: npt.NDArray[np.uint8], config: EvalConfig, number: int) -> Floats:
    draws = [
        actor.act(frames, torch.Generator().manual_seed(config.seed + 1000 * number + draw))
        for draw in range(config.num_samples)
    ]
    return np.mean(draws, axis=0, dtype=np.float32)


def _count(prediction: Floats, truth: Floats, num_buttons: int, threshold: float) -> _Sums:
    """Return the sums of one chunk; unknown labels count nowhere."""
    valid = np.isfinite(truth)
    pressed, wanted = prediction[..., :num_buttons] > threshold, truth[..., :num_buttons] > threshold
    counted = valid[..., :num_buttons]
    hits = [(pressed & wanted), (pressed & ~wanted), (~pressed & wanted)]
    known = valid[..., num_buttons:]
    value = np.where(known, truth[..., num_buttons:], 0).astype(np.float64) * 2
    error = np.where(known, np.clip(prediction[..., num_buttons:], 0, 1) - truth[..., num_buttons:], 0) * 2.0
    sticks = [known, value, value**2, error**2, np.abs(error)]
    return _Sums(
        np.stack([(hit & counted).sum(axis=(0, 1)) for hit in hits]).astype(np.float64)[None],
        np.stack([part.sum(axis=0) for part in sticks]).astype(np.float64)[None],
    )


def _merge(parts: Sequence[_Sums], members: Sequence[Sequence[int]]) -> _Sums:
    hits, sticks = np.concatenate([part.hits for part in parts]), np.concatenate([part.sticks for part in parts])
    return _Sums(
        np.stack([hits[list(indices)].sum(axis=0) for indices in members]),
        np.stack([sticks[list(indices)].sum(axis=0) for indices in members]),
    )


def _scores(sums: _Sums, weights: Doubles, pressed: npt.NDArray[np.bool_]) -> dict[str, Doubles]:
    """Return the scores for each row of weights (resamples, groups)."""
    hits = np.einsum("rg,gkb->rkb", weights, sums.hits)[..., pressed]
    sticks = np.einsum("rg,gkta->rka", weights, sums.sticks)
    return {
        "button_f1": _f1(hits).mean(axis=-1) if pressed.any() else np.full(len(weights), np.nan),
        "stick_r2": _r2(sticks),
        "stick_mae": sticks[:, 4].sum(axis=-1) / np.maximum(sticks[:, 0].sum(axis=-1), 1),
    }


def _f1(hits: Doubles) -> Doubles:
    """Return 2 TP / (2 TP + FP + FN) for hits (..., 3, buttons); 0 where a button is never pressed or predicted."""
    true, false, missed = hits[..., 0, :], hits[..., 1, :], hits[..., 2, :]
    f1: Doubles = 2 * true / np.maximum(2 * true + false + missed, 1e-9)
    return f1


def _r2(sticks: Doubles) -> Doubles:
    """Return R2 over the axes (last) of sums (..., 5, axes): errors and variances of all axes that move are added."""
    count, total, squares, error = (sticks[..., index, :] for index in range(4))
    variance = squares - total**2 / np.maximum(count, 1)
    moves = variance > _MIN_VARIANCE * np.maximum(count, 1)
    explained = np.where(moves, error, 0).sum(axis=-1) / np.maximum(np.where(moves, variance, 0).sum(axis=-1), 1e-12)
    return np.where(moves.any(axis=-1), 1 - explained, np.nan)


def _summarize(sums: dict[str, _Sums], actor: PolicyActor, config: EvalConfig) -> dict[str, Any]:
    layout = actor.config.action_layout
    groups = len(sums[POLICY].hits)
    rng = np.random.default_rng(config.seed)
    draws = rng.multinomial(groups, np.full(groups, 1 / groups), size=config.num_resamples).astype(np.float64)
    once = np.ones((1, groups))
    pressed = (sums[POLICY].hits.sum(axis=0)[[0, 2]].sum(axis=0)) > 0
    points = {name: _scores(part, once, pressed) for name, part in sums.items()}
    spread = {name: _scores(part, draws, pressed) for name, part in sums.items()}
    tails = [(1 - config.level) / 2, (1 + config.level) / 2]

    def interval(point: Doubles, samples: Doubles) -> dict[str, Any]:
        if not np.isfinite(point[0]):
            return {"value": None, "low": None, "high": None}
        low, high = np.nanquantile(samples, tails)
        return {"value": float(point[0]), "low": float(low), "high": float(high)}

    scores = {
        name: {score: interval(points[name][score], spread[name][score]) for score in points[name]} for name in sums
    }
    gains: dict[str, Any] = {}
    for name in BASELINES:
        gains[name] = {}
        for score in points[POLICY]:
            sign = -1 if score == "stick_mae" else 1
            gain = interval(
                sign * (points[POLICY][score] - points[name][score]),
                sign * (spread[POLICY][score] - spread[name][score]),
            )
            gains[name][score] = gain | {"better": gain["low"] is not None and gain["low"] > 0}
    hits = sums[POLICY].hits.sum(axis=0)
    return {
        "scores": scores,
        "gains": gains,
        "buttons": _button_rows(hits, layout.buttons, pressed),
        "horizon": {name: _horizon_rows(part) for name, part in sums.items()},
    }


def _button_rows(hits: Doubles, buttons: Sequence[str], pressed: npt.NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    rows = {}
    for index, button in enumerate(buttons):
        true, false, missed = hits[:, index]
        if pressed[index] or false:
            rows[button] = {
                "precision": float(true / max(true + false, 1)),
                "recall": float(true / max(true + missed, 1)),
                "f1": float(_f1(hits[:, index : index + 1])[0]),
                "num_pressed": int(true + missed),
            }
    return rows


def _horizon_rows(sums: _Sums) -> list[dict[str, float | None]]:
    steps = sums.sticks.sum(axis=0).transpose(1, 0, 2)
    rows = []
    for step in steps:
        r2 = float(_r2(step))
        mae = float(step[4].sum() / max(step[0].sum(), 1))
        rows.append({"stick_r2": r2 if np.isfinite(r2) else None, "stick_mae": mae})
    return rows
