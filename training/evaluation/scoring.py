"""From predicted and true actions to scores: sums per group of frames, and bootstrapped intervals over groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ops.gamepad import Floats

#: A channel that moves less than this (variance of the packed value) has no R2.
_MIN_VARIANCE: Final = 1e-6
#: An onset that is predicted within this many rows of a true one is a hit.
_ONSET_ROWS: Final = 1
#: Bins of the calibration.
_CALIBRATION_BINS: Final = 10
#: Frames of a button's mean rate that each bin is given beforehand. Chosen by eye, not measured.
_PRIOR_FRAMES: Final = 10.0
#: A label above this is a press.
_PRESSED: Final = 0.5
#: A stick's packed value is in [0, 1]; its own range is this wide.
_STICK_SPAN: Final = 2.0
#: Keep sums of nothing from being divisors of zero.
_LEAST_HITS: Final = 1e-9
_LEAST_VARIANCE: Final = 1e-12

Doubles = npt.NDArray[np.float64]
#: What the scores of `score` are better at when they are smaller.
SMALLER_IS_BETTER: Final = ("stick_mae",)


@dataclass(frozen=True)
class Sums:
    """What all scores of one predictor are computed from, per group of frames (first axis).

    Attributes:
        hits: (groups, 3, buttons) true positives, false positives, false negatives over all rows.
        onsets: (groups, 3, buttons) the same for the rows in which a button goes down.
        errors: (groups, 5, horizon, channels) count, sum and sum of squares of the truth, squared error, absolute
            error; sticks in their own range of [-1, 1], buttons as 0 or 1.
    """

    hits: Doubles
    onsets: Doubles
    errors: Doubles

    def grouped(self, members: Sequence[Sequence[int]]) -> Sums:
        """Return sums of larger groups, each made of some of these."""
        return Sums(
            *(
                np.stack([getattr(self, part.name)[list(indices)].sum(axis=0) for indices in members])
                for part in fields(self)
            )
        )


def join(parts: Sequence[Sums]) -> Sums:
    """Return the groups of several sums, one after the other."""
    return Sums(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Sums)))


def count(prediction: Floats, truth: Floats, num_buttons: int, threshold: float, groups: npt.NDArray[np.int64]) -> Sums:
    """Return the sums of some frames; unknown labels count nowhere.

    Args:
        prediction: (frames, horizon, channels) packed.
        truth: the same, NaN where unknown.
        num_buttons: channels that are buttons; the others are sticks.
        threshold: a button above it counts as pressed.
        groups: (frames,) number of each frame's group, from 0 on without gaps.
    """
    valid = np.isfinite(truth)
    pressed, wanted = prediction[..., :num_buttons] > threshold, truth[..., :num_buttons] > threshold
    counted = valid[..., :num_buttons]
    hits = [pressed & wanted & counted, pressed & ~wanted & counted, ~pressed & wanted & counted]
    both = counted[:, 1:] & counted[:, :-1]
    starts, true_starts = (now[:, 1:] & ~now[:, :-1] & both for now in (pressed, wanted))
    onsets = [starts & _near(true_starts), starts & ~_near(true_starts), true_starts & ~_near(starts)]
    scale = np.where(np.arange(truth.shape[-1]) < num_buttons, 1.0, _STICK_SPAN)
    value = np.where(valid, truth, 0).astype(np.float64) * scale
    error = np.where(valid, np.clip(prediction, 0, 1) - truth, 0) * scale
    errors = np.stack([valid, value, value**2, error**2, np.abs(error)], axis=1).astype(np.float64)
    number = int(groups.max()) + 1

    def add(values: npt.NDArray[Any]) -> Doubles:
        out = np.zeros((number, *values.shape[1:]))
        np.add.at(out, groups, values.astype(np.float64))
        return out

    return Sums(
        add(np.stack([hit.sum(axis=1) for hit in hits], axis=1)),
        add(np.stack([onset.sum(axis=1) for onset in onsets], axis=1)),
        add(errors),
    )


def _near(onsets: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return where an onset is within `_ONSET_ROWS` rows."""
    out = onsets.copy()
    for shift in range(1, _ONSET_ROWS + 1):
        out[:, shift:] |= onsets[:, :-shift]
        out[:, :-shift] |= onsets[:, shift:]
    return out


def score(
    sums: Sums, weights: Doubles, pressed: npt.NDArray[np.bool_], explained: npt.NDArray[np.bool_]
) -> dict[str, Doubles]:
    """Return the scores for each row of weights (resamples, groups).

    Args:
        sums: of one predictor.
        weights: how often each group is drawn.
        pressed: (buttons,) those that F1 is the mean of.
        explained: (channels,) those of `explained_r2`.
    """
    num_buttons = sums.hits.shape[-1]
    errors = np.einsum("rg,gktc->rkc", weights, sums.errors)
    nothing = np.full(len(weights), np.nan)

    def f1_of(hits: Doubles) -> Doubles:
        return f1(np.einsum("rg,gkb->rkb", weights, hits)[..., pressed]).mean(axis=-1) if pressed.any() else nothing

    sticks = errors[..., num_buttons:]
    return {
        "button_f1": f1_of(sums.hits),
        "onset_f1": f1_of(sums.onsets),
        "stick_r2": r2(sticks),
        "stick_mae": sticks[:, 4].sum(axis=-1) / np.maximum(sticks[:, 0].sum(axis=-1), 1),
        "explained_r2": r2(errors[..., explained]) if explained.any() else nothing,
    }


def f1(hits: Doubles) -> Doubles:
    """Return 2 TP / (2 TP + FP + FN) for hits (..., 3, buttons); 0 where a button is never pressed or predicted."""
    true, false, missed = hits[..., 0, :], hits[..., 1, :], hits[..., 2, :]
    out: Doubles = 2 * true / np.maximum(2 * true + false + missed, _LEAST_HITS)
    return out


def r2(errors: Doubles) -> Doubles:
    """Return R2 over the channels (last) of sums (..., 5, channels): errors and variances of those that move add up."""
    number, total, squares, error = (errors[..., index, :] for index in range(4))
    variance = squares - total**2 / np.maximum(number, 1)
    moves = variance > _MIN_VARIANCE * np.maximum(number, 1)
    unexplained = np.where(moves, error, 0).sum(axis=-1) / np.maximum(
        np.where(moves, variance, 0).sum(axis=-1), _LEAST_VARIANCE
    )
    return np.where(moves.any(axis=-1), 1 - unexplained, np.nan)


def channel_r2(sums: Sums) -> Doubles:
    """Return (channels,) the R2 of each channel over all groups and rows; NaN where it does not move."""
    errors = sums.errors.sum(axis=(0, 2))
    return np.array([r2(errors[:, [channel]]) for channel in range(errors.shape[-1])], dtype=np.float64)


def compare(
    sums: Mapping[str, Sums], explained: npt.NDArray[np.bool_], resamples: int, level: float, seed: int
) -> dict[str, Any]:
    """Return `scores` of every predictor and `gains` of the first one over the others, all with intervals.

    Groups are drawn with replacement, the same ones for all predictors, so a gain's interval is that of paired
    differences; `better` says that it lies above 0.
    """
    names = list(sums)
    first = names[0]
    groups = len(sums[first].hits)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(groups, np.full(groups, 1 / groups), size=resamples).astype(np.float64)
    pressed = (sums[first].hits.sum(axis=0)[[0, 2]].sum(axis=0)) > 0
    points = {name: score(part, np.ones((1, groups)), pressed, explained) for name, part in sums.items()}
    spread = {name: score(part, draws, pressed, explained) for name, part in sums.items()}
    tails = [(1 - level) / 2, (1 + level) / 2]

    def interval(point: Doubles, samples: Doubles) -> dict[str, Any]:
        if not np.isfinite(point[0]):
            return {"value": None, "low": None, "high": None}
        low, high = np.nanquantile(samples, tails)
        return {"value": float(point[0]), "low": float(low), "high": float(high)}

    scores = {name: {kind: interval(points[name][kind], spread[name][kind]) for kind in points[name]} for name in names}
    gains: dict[str, Any] = {}
    for name in names[1:]:
        gains[name] = {}
        for kind in points[first]:
            sign = -1 if kind in SMALLER_IS_BETTER else 1
            gain = interval(
                sign * (points[first][kind] - points[name][kind]), sign * (spread[first][kind] - spread[name][kind])
            )
            gains[name][kind] = gain | {"better": gain["low"] is not None and gain["low"] > 0}
    return {"scores": scores, "gains": gains}


def button_rows(sums: Sums, buttons: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return precision, recall, F1 and onset F1 of each button that is pressed or predicted."""
    hits, onsets = sums.hits.sum(axis=0), sums.onsets.sum(axis=0)
    rows = {}
    for index, button in enumerate(buttons):
        true, false, missed = hits[:, index]
        if true + false + missed:
            rows[button] = {
                "precision": float(true / max(true + false, 1)),
                "recall": float(true / max(true + missed, 1)),
                "f1": float(f1(hits[:, index : index + 1])[0]),
                "onset_f1": float(f1(onsets[:, index : index + 1])[0]),
                "num_pressed": int(true + missed),
            }
    return rows


def horizon_rows(sums: Sums) -> list[dict[str, float | None]]:
    """Return stick R2 and mean absolute error at each row of the horizon."""
    num_buttons = sums.hits.shape[-1]
    rows = []
    for step in sums.errors.sum(axis=0).transpose(1, 0, 2)[..., num_buttons:]:
        value = float(r2(step))
        mae = float(step[4].sum() / step[0].sum()) if step[0].any() else None
        rows.append({"stick_r2": value if np.isfinite(value) else None, "stick_mae": mae})
    return rows


@dataclass(frozen=True)
class Calibration:
    """Raw button values to probabilities, learnt on one side of the split for the other.

    Attributes:
        table: (buttons, bins) rising along the bins.
    """

    table: Doubles

    @classmethod
    def fit(cls, values: Floats, truth: Floats) -> Calibration:
        """Learn from raw values and labels (frames, horizon, buttons), NaN where unknown.

        A bin's probability is its share of presses, drawn towards the button's own rate where frames are few, and at
        least that of the bin before.
        """
        table = np.zeros((values.shape[-1], _CALIBRATION_BINS))
        for button in range(values.shape[-1]):
            known = np.isfinite(truth[..., button])
            wanted, bins = truth[..., button][known] > _PRESSED, _bins(values[..., button][known])
            rate = float(wanted.mean()) if wanted.size else 0.0
            number = np.bincount(bins, minlength=_CALIBRATION_BINS)
            presses = np.bincount(bins, weights=wanted, minlength=_CALIBRATION_BINS)
            table[button] = np.maximum.accumulate((presses + _PRIOR_FRAMES * rate) / (number + _PRIOR_FRAMES))
        return cls(table)

    def __call__(self, values: Floats) -> Floats:
        """Return the probabilities that raw values (..., buttons) stand for."""
        buttons = np.broadcast_to(np.arange(values.shape[-1]), values.shape)
        return self.table[buttons, _bins(values)].astype(np.float32)


def _bins(values: Floats) -> npt.NDArray[np.int64]:
    return np.clip((values * _CALIBRATION_BINS).astype(np.int64), 0, _CALIBRATION_BINS - 1)


def calibration_scores(probability: Floats, truth: Floats) -> dict[str, float]:
    """Return Brier score and expected calibration error of probabilities (frames, horizon, buttons)."""
    known = np.isfinite(truth)
    said, wanted = np.clip(probability[known], 0, 1).astype(np.float64), truth[known] > _PRESSED
    if not said.size:
        return {"brier": 0.0, "ece": 0.0}
    bins = _bins(said.astype(np.float32))
    number = np.bincount(bins, minlength=_CALIBRATION_BINS)
    gaps = np.bincount(bins, weights=said - wanted, minlength=_CALIBRATION_BINS)
    return {"brier": float(np.square(said - wanted).mean()), "ece": float(np.abs(gaps).sum() / number.sum())}
