"""Can the pad be read off what is left around a mask? A small probe that tries, on frames as the policy sees them.

The probe is a ridge regression on pixels and on random features of them, from a band around the mask (its inside too)
to the controls of the same frame, tried on other seconds of the video than it was fitted on. What a game shows goes
with what its player does, everywhere in the picture; so the same is done at the mirrored place, and only what the band
knows beyond that is a leak.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ops.dataset.shards import read_sample
from ops.gamepad import AXES, DATASET_BUTTONS, Floats, PadTrace
from ops.store.storage import Store
from training.policy.chunks import Source, decode_frames, list_sources, read_source

#: Width of the band around a mask, in pixels of the game view. As all numbers here, chosen by trial, not measured.
_BAND_PX: Final = 12
#: Side of the cells whose pixels are averaged, in pixels.
_CELL_PX: Final = 3
#: Random features beside the cells.
_NUM_RANDOM: Final = 256
#: Seconds that are fitted or tried together, in turns.
_BLOCK_S: Final = 1.0
#: A leak is at least this R2.
MIN_R2: Final = 0.3
#: And at least this much more than at the mirrored place.
MIN_GAIN: Final = 0.2
#: Fewer frames with a control than this, fitted or tried, say nothing about it.
_MIN_ACTIVE: Final = 10
#: A button or stick whose value is beyond this is active.
_ACTIVE: Final = 0.5
#: Side of the game view in pixels.
_SIDE_PX: Final = 256
#: Weight of the ridge, in mean variances of the features.
_RIDGE: Final = 0.1
#: Added to the weight, so that features without any variance can be fitted too.
_LEAST_RIDGE: Final = 1e-6
#: Added to a feature's spread before it is divided by it, in grey levels.
_LEAST_SPREAD: Final = 1.0
#: Keeps the variance of a control that does not move from being a divisor of zero.
_LEAST_VARIANCE: Final = 1e-9

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Leak:
    """What the probe found in one chunk.

    Attributes:
        chunk_id: the chunk.
        control: the one that it read best, compared with the mirrored place; empty where none moves.
        around: R2 of that control from the band around the mask, on seconds that were not fitted.
        elsewhere: R2 at the mirrored place.
    """

    chunk_id: str
    control: str
    around: float
    elsewhere: float

    @property
    def found(self) -> bool:
        """Whether the pad can be read there."""
        return self.around >= MIN_R2 and self.around - self.elsewhere >= MIN_GAIN


def probe_shards(store: Store, batches: Sequence[str], max_chunks: int = 8, stride: int = 3) -> list[Leak]:
    """Return what the probe finds in some chunks of batches, spread evenly over their videos; none without masks."""
    sources: list[Source] = []
    for split in ("train", "val"):
        try:
            sources += list_sources(store, batches, split)
        except ValueError:  # nothing on that side
            continue
    one_each = list({source.row.video_id: source for source in sources}.values())
    picks = np.linspace(0, len(one_each) - 1, min(max_chunks, len(one_each))).astype(int) if one_each else []
    return [probe_chunk(store, one_each[pick], stride) for pick in picks]


def probe_chunk(store: Store, source: Source, stride: int) -> Leak:
    """Return what the probe finds in a chunk."""
    import json

    facts = json.loads(read_sample(store, source.batch, source.row)["json"])
    clip, trace = read_source(store, source)
    frames = decode_frames(clip, stride, _SIDE_PX, trace.num_frames)
    rows = np.arange(0, trace.num_frames, stride)
    return probe_frames(source.row.chunk_id, frames, trace, rows, facts.get("masks", []))


def probe_frames(
    chunk_id: str,
    frames: npt.NDArray[np.uint8],
    trace: PadTrace,
    rows: npt.NDArray[np.int64],
    masks: Sequence[Sequence[int]],
) -> Leak:
    """Return what can be read around the masks of frames (num, 3, side, side) whose labels are some rows of a trace."""
    names = [*DATASET_BUTTONS, *AXES]
    targets = np.concatenate([trace.buttons[rows], trace.sticks[rows]], axis=1).astype(np.float64)
    seconds = trace.pts_s[rows] - trace.pts_s[rows[0]]
    fitted = (seconds / _BLOCK_S).astype(int) % 2 == 0
    usable = [channel for channel in range(len(names)) if _moves(targets[:, channel], fitted)]
    best = Leak(chunk_id, "", 0.0, 0.0)
    for box in masks if usable else []:
        x, y, width, height = box
        around = _ridge(_cells(frames, (x, y, width, height)), targets[:, usable], fitted)
        mirrored = (frames.shape[3] - x - width, y, width, height)
        elsewhere = _ridge(_cells(frames, mirrored), targets[:, usable], fitted)
        for channel, here, there in zip(usable, around, elsewhere, strict=True):
            found = Leak(chunk_id, names[channel], float(here), float(max(there, 0.0)))
            if found.around - found.elsewhere > best.around - best.elsewhere:
                best = found
    return best


def _moves(values: Doubles, fitted: npt.NDArray[np.bool_]) -> bool:
    if not np.isfinite(values).all():
        return False
    active = np.abs(values) > _ACTIVE
    return all(min(active[part].sum(), (~active[part]).sum()) >= _MIN_ACTIVE for part in (fitted, ~fitted))


def _cells(frames: npt.NDArray[np.uint8], box: tuple[int, int, int, int]) -> Floats:
    """Return (num, features): means of small cells of a box and the band around it."""
    x, y, width, height = box
    top, left = max(0, y - _BAND_PX), max(0, x - _BAND_PX)
    part = frames[:, :, top : y + height + _BAND_PX, left : x + width + _BAND_PX].astype(np.float32)
    rows, columns = part.shape[2] // _CELL_PX * _CELL_PX, part.shape[3] // _CELL_PX * _CELL_PX
    cells = part[:, :, :rows, :columns].reshape(len(part), 3, rows // _CELL_PX, _CELL_PX, columns // _CELL_PX, _CELL_PX)
    out: Floats = cells.mean(axis=(3, 5)).reshape(len(part), -1)
    return out


def _ridge(features: Floats, targets: Doubles, fitted: npt.NDArray[np.bool_]) -> Doubles:
    """Return (channels,) the R2 on frames that were not fitted."""
    values = features.astype(np.float64)
    values = (values - values[fitted].mean(axis=0)) / (values[fitted].std(axis=0) + _LEAST_SPREAD)
    mix = np.random.default_rng(0).normal(size=(values.shape[1], _NUM_RANDOM)) / np.sqrt(max(1, values.shape[1]))
    values = np.concatenate([values, np.maximum(values @ mix, 0)], axis=1)
    mean = targets[fitted].mean(axis=0)
    kernel = values @ values[fitted].T
    own: Any = kernel[fitted]
    penalty = _RIDGE * np.trace(own) / len(own) + _LEAST_RIDGE
    weights = np.linalg.solve(own + penalty * np.eye(len(own)), targets[fitted] - mean)
    error = kernel[~fitted] @ weights + mean - targets[~fitted]
    variance = np.square(targets[~fitted] - targets[~fitted].mean(axis=0)).sum(axis=0)
    out: Doubles = 1 - np.square(error).sum(axis=0) / np.maximum(variance, _LEAST_VARIANCE)
    return out
