"""Offline metrics of a policy on held-out videos, beside predictors that know nothing of the picture.

Baselines: `null` (nothing pressed, sticks centred), `last` (the labels of the frame itself go on; it is told what no
policy is told) and `mean` (the training side's mean action). Intervals are bootstrapped over whole videos, or over
blocks of some seconds where there are few videos: frames that follow each other are no independent evidence. Only rows
after the frame count: the row at the frame itself is what `last` was told.

Much of what a pad does has no reason in the picture. `explained_r2` is over the channels that the policy predicts
better than every baseline on the *training* side, chosen before the held-out side is looked at; where there is none,
there is no such score. The other scores are over all channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import torch

from models.policy.modeling import draw_start
from ops.gamepad import AXES, DATASET, NEUTRAL_PACKED, Floats
from ops.store.storage import Store
from training.evaluation.scoring import (
    Calibration,
    Sums,
    button_rows,
    calibration_scores,
    channel_r2,
    compare,
    count,
    horizon_rows,
    join,
)
from training.policy.chunks import Source, future_actions, list_sources, load_chunk, read_source
from training.serving.infer import PolicyActor

if TYPE_CHECKING:
    import pandas as pd

POLICY: Final = "policy"
BASELINES: Final = ("null", "last", "mean")

#: From this many held-out videos on, they are what the bootstrap draws; below, blocks are.
_MIN_VIDEOS: Final = 5
#: Training chunks that the mean action comes from.
_MEAN_CHUNKS: Final = 200
#: The least by which a channel's R2 must be above every baseline's on the training side.
_EXPLAINED_MARGIN: Final = 0.05
_FRAMES_AT_ONCE: Final = 64


@dataclass(frozen=True)
class EvalConfig:
    """How a policy is evaluated.

    Attributes:
        split: side of the split.
        frame_stride: every n-th frame of a chunk is evaluated.
        max_chunks: evaluate at most this many, spread evenly over the side.
        train_chunks: of the training side, which choose channels and calibrate buttons.
        num_samples: drawn action chunks per frame; their mean is the prediction.
        threshold: a button value above it counts as pressed.
        block_s: length of a block.
        num_resamples: of the bootstrap.
        level: of the intervals.
        seed: of noise and bootstrap.
    """

    split: str = "val"
    frame_stride: int = 5
    max_chunks: int = 200
    train_chunks: int = 8
    num_samples: int = 16
    threshold: float = 0.5
    block_s: float = 5.0
    num_resamples: int = 1000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        counts = (self.frame_stride, self.max_chunks, self.train_chunks, self.num_samples, self.num_resamples)
        if min(counts) < 1 or not 0 < self.level < 1 or self.block_s <= 0:
            raise ValueError(f"positive counts and lengths and 0 < level < 1 expected, got {self}")


@dataclass(frozen=True)
class _Predicted:
    """A chunk with what every predictor says of it.

    Attributes:
        source: the chunk.
        truth: (frames, horizon, channels) packed, NaN where unknown.
        predictions: the same shape, by predictor.
        blocks: (frames,) number of each frame's block in the chunk.
    """

    source: Source
    truth: Floats
    predictions: dict[str, Floats]
    blocks: npt.NDArray[np.int64]


def evaluate(actor: PolicyActor, store: Store, batches: Sequence[str], config: EvalConfig) -> dict[str, Any]:
    """Return JSON-able metrics: scores with intervals, gains over the baselines, per channel, button, step and game.

    Raises:
        ValueError: a side holds no chunk.
    """
    layout = actor.config.action_layout
    mean_action = _mean_action(actor, store, batches)
    known_side = list(_predict_all(actor, store, batches, config, "train", config.train_chunks, mean_action))
    explained = _explained(known_side, layout.num_buttons, config)
    calibration = Calibration.fit(*_button_values(known_side, layout.num_buttons))
    held_out = list(_predict_all(actor, store, batches, config, config.split, config.max_chunks, mean_action))
    sums = _sums(held_out, layout.num_buttons, config)
    blocks = _block_table(held_out)
    videos = _places(blocks, "video_id")
    by_video = len(videos) >= _MIN_VIDEOS
    drawn = {name: part.grouped(list(videos.values())) if by_video else part for name, part in sums.items()}
    values, truth = _button_values(held_out, layout.num_buttons)
    names = [*layout.buttons, *AXES]
    return compare(drawn, explained, config.num_resamples, config.level, config.seed) | {
        "explained": [name for name, chosen in zip(names, explained, strict=True) if chosen],
        "channels": _channel_rows(sums, names),
        "buttons": button_rows(sums[POLICY], layout.buttons),
        "calibration": {
            "raw": calibration_scores(values, truth),
            "calibrated": calibration_scores(calibration(values), truth),
        },
        "horizon": {name: horizon_rows(part) for name, part in sums.items()},
        "games": _game_rows(sums, _places(blocks, "game")),
        "num_videos": len(videos),
        "num_chunks": len(held_out),
        "num_frames": sum(len(one.truth) for one in held_out),
        "num_groups": len(drawn[POLICY].hits),
        "bootstrap_unit": "video" if by_video else "block",
    }


def _block_table(chunks: Sequence[_Predicted]) -> pd.DataFrame:
    """Return `video_id` and `game` of each group of the sums, in their order."""
    import pandas as pd

    rows = pd.DataFrame([{"video_id": one.source.row.video_id, "game": one.source.row.game} for one in chunks])
    return rows.loc[rows.index.repeat([int(one.blocks.max()) + 1 for one in chunks])].reset_index(drop=True)


def _places(blocks: pd.DataFrame, column: str) -> dict[str, list[int]]:
    """Return the groups that have each value of a column, the values in the order in which they come."""
    places = blocks.groupby(column, sort=False).indices
    return {value: places[value].tolist() for value in blocks[column].unique()}


def _predict_all(
    actor: PolicyActor,
    store: Store,
    batches: Sequence[str],
    config: EvalConfig,
    split: str,
    max_chunks: int,
    mean_action: Floats,
) -> Iterator[_Predicted]:
    """Yield chunks of one side, spread evenly over it."""
    sources = list_sources(store, batches, split)
    layout, rest = actor.config.action_layout, _rest(actor)
    picks = np.linspace(0, len(sources) - 1, min(max_chunks, len(sources))).astype(int)
    for number in dict.fromkeys(picks.tolist()):
        chunk = load_chunk(store, sources[number], config.frame_stride, actor.config.vision.image_px)
        truth = future_actions(chunk.trace, chunk.rows, actor.config)
        if actor.config.action_shift == 0:
            truth[:, 0] = np.nan
        shown = layout.pack(layout.take_buttons(chunk.trace.buttons, DATASET), chunk.trace.sticks)[chunk.rows]
        pts_s = chunk.trace.pts_s[chunk.rows]
        predictions = {
            POLICY: _predict(actor, chunk.frames, config, number),
            "null": np.broadcast_to(rest, truth.shape),
            "last": np.broadcast_to(np.where(np.isfinite(shown), shown, rest)[:, None], truth.shape),
            "mean": np.broadcast_to(mean_action, truth.shape),
        }
        slots = ((pts_s - pts_s[0]) / config.block_s).astype(np.int64)
        blocks: npt.NDArray[np.int64] = np.unique(slots, return_inverse=True)[1]
        yield _Predicted(sources[number], truth, predictions, blocks)


def _sums(chunks: Sequence[_Predicted], num_buttons: int, config: EvalConfig) -> dict[str, Sums]:
    return {
        name: join(
            [count(one.predictions[name], one.truth, num_buttons, config.threshold, one.blocks) for one in chunks]
        )
        for name in (POLICY, *BASELINES)
    }


def _explained(chunks: Sequence[_Predicted], num_buttons: int, config: EvalConfig) -> npt.NDArray[np.bool_]:
    """Return (channels,) which of them the policy predicts better than every baseline."""
    values = {name: channel_r2(part) for name, part in _sums(chunks, num_buttons, config).items()}
    best = np.max([np.nan_to_num(values[name], nan=np.inf) for name in BASELINES], axis=0)
    # A mean that was learnt elsewhere can fall short of 0, which is what knowing nothing is worth.
    return np.nan_to_num(values[POLICY], nan=-np.inf) > np.maximum(best, 0) + _EXPLAINED_MARGIN


def _button_values(chunks: Sequence[_Predicted], num_buttons: int) -> tuple[Floats, Floats]:
    """Return (raw values of the policy, labels) of the buttons in all chunks."""
    return (
        np.concatenate([one.predictions[POLICY][..., :num_buttons] for one in chunks]),
        np.concatenate([one.truth[..., :num_buttons] for one in chunks]),
    )


def _channel_rows(sums: dict[str, Sums], names: Sequence[str]) -> dict[str, dict[str, float | None]]:
    values = {predictor: channel_r2(part) for predictor, part in sums.items()}
    return {
        name: {predictor: float(value[channel]) for predictor, value in values.items()}
        for channel, name in enumerate(names)
        if np.isfinite(values[POLICY][channel])
    }


def _game_rows(sums: dict[str, Sums], games: dict[str, list[int]]) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for unit, members in games.items():
        one = {name: part.grouped([members]) for name, part in sums.items()}
        rows[unit or "unknown"] = {
            name: {
                "stick_mae": float(
                    np.mean([step["stick_mae"] for step in horizon_rows(part) if step["stick_mae"] is not None])
                ),
                "button_f1": _mean_f1(part),
            }
            for name, part in one.items()
        }
    return rows


def _mean_f1(sums: Sums) -> float:
    """Return the mean F1 of the buttons that are pressed; 0 where none is."""
    rows = button_rows(sums, [str(index) for index in range(sums.hits.shape[-1])])
    pressed = [row["f1"] for row in rows.values() if row["num_pressed"]]
    return float(np.mean(pressed)) if pressed else 0.0


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
    generator = torch.Generator().manual_seed(config.seed + number)
    parts = []
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        some = frames[first : first + _FRAMES_AT_ONCE]
        noise = draw_start(actor.config, config.num_samples * len(some), generator)
        drawn = actor.act_from(np.ascontiguousarray(some), noise, actor.steps)
        parts.append(drawn.reshape(config.num_samples, *(len(some), *drawn.shape[1:])).mean(axis=0, dtype=np.float32))
    return np.concatenate(parts)
