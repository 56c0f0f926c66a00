"""How well labels agree with a known truth: button accuracy, press, onset and release F1, stick R², and what is known.

What the reader does not know is no error and no hit; it lowers `known`. Sums can be added over clips. So figures of
many clips are pooled, not averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ops.gamepad import AXES, DATASET, PadTrace
from ops.overlay.boxes import box_iou

#: Frames of read and truth belong together when their times are this close: less than half a frame at 120 Hz.
_SAME_FRAME_S = 0.004
#: A button's value above this is "pressed".
_PRESSED = 0.5
#: Sums of squares below this are an axis that did not move.
_STILL = 1e-9
#: The tolerance of `LabelScores.to_dict`, in frames.
_USUAL_TOLERANCE = 1
#: A truth with so many more rows than the reading was polled, and is thinned.
_POLLED = 1.5
#: IoU of two boxes from which they are one overlay's.
_SAME_BOX = 0.5
#: An onset or release counts as found when it was read within so many frames.
TOLERANCES = (0, 1, 2)
EVENTS = ("onset", "release")
#: Upper ends of the ranges of stated confidence in which buttons are counted; the first one begins at .5.
CONFIDENCE_ENDS = (0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)


@dataclass(frozen=True)
class LabelScores:
    """Sums over frames, per channel; add those of several clips.

    Attributes:
        num_buttons: (17,) frames in which truth and reading are known.
        num_right: (17,) of them, those that agree.
        num_hit: (17,) pressed in both.
        num_pressed: (17,) pressed in the truth.
        num_read_pressed: (17,) pressed in the reading.
        num_sticks: (4,) frames in which truth and reading are known.
        error: (4,) sum of squared differences.
        total: (4,) sum of true values.
        total_squares: (4,) sum of their squares.
        num_values: channel values that the truth knows.
        num_known: of them, those that the reading knows.
        events: (2, 3, 3) per kind of `EVENTS` and tolerance: found, in the truth, read.
        stated: (8, 3) per range of `CONFIDENCE_ENDS`: button states, those that are right, sum of their confidences.
    """

    num_buttons: npt.NDArray[np.float64]
    num_right: npt.NDArray[np.float64]
    num_hit: npt.NDArray[np.float64]
    num_pressed: npt.NDArray[np.float64]
    num_read_pressed: npt.NDArray[np.float64]
    num_sticks: npt.NDArray[np.float64]
    error: npt.NDArray[np.float64]
    total: npt.NDArray[np.float64]
    total_squares: npt.NDArray[np.float64]
    num_values: float
    num_known: float
    events: npt.NDArray[np.float64]
    stated: npt.NDArray[np.float64]

    @classmethod
    def none(cls) -> LabelScores:
        """Return the scores of no frames."""
        buttons, sticks = np.zeros(DATASET.num_buttons), np.zeros(len(AXES))
        events = np.zeros((len(EVENTS), len(TOLERANCES), 3))
        stated = np.zeros((len(CONFIDENCE_ENDS), 3))
        return cls(
            buttons, buttons, buttons, buttons, buttons, sticks, sticks, sticks, sticks, 0.0, 0.0, events, stated
        )

    def __add__(self, other: LabelScores) -> LabelScores:
        return LabelScores(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def accuracy(self) -> float:
        """Share of known button states that agree; NaN where nothing is known."""
        return _ratio(self.num_right.sum(), self.num_buttons.sum())

    @property
    def press_f1(self) -> float:
        """F1 of pressed states; NaN where nothing was pressed."""
        return _ratio(2 * self.num_hit.sum(), self.num_pressed.sum() + self.num_read_pressed.sum())

    @property
    def stick_r2(self) -> float:
        """R² over all axes: 1 - squared error / squared deviation from each axis's mean; NaN where none moved."""
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = self.total_squares - np.where(self.num_sticks > 0, self.total**2 / self.num_sticks, 0)
        return 1 - _ratio(self.error.sum(), spread.sum()) if spread.sum() > _STILL else float("nan")

    def axis_r2(self, axes: slice) -> float:
        """R² over some of the axes; NaN where none moved."""
        return self._pick(axes).stick_r2

    def _pick(self, axes: slice) -> LabelScores:
        names = ("num_sticks", "error", "total", "total_squares")
        return replace(self, **{name: getattr(self, name)[axes] for name in names})

    def event_f1(self, kind: str, tolerance: int) -> float:
        """F1 of onsets or releases that were read within so many frames of the true one; NaN where there is none."""
        found, true, read = self.events[EVENTS.index(kind), TOLERANCES.index(tolerance)]
        return _ratio(2 * found, true + read)

    def button_rows(self) -> list[dict[str, float | str]]:
        """Return precision, recall and counts per button that the truth or the reading ever presses."""
        rows: list[dict[str, float | str]] = []
        for channel, button in enumerate(DATASET.buttons):
            hit, true, read = (v[channel] for v in (self.num_hit, self.num_pressed, self.num_read_pressed))
            if true or read:
                precision, recall = _ratio(hit, read), _ratio(hit, true)
                rows.append({"button": button, "precision": precision, "recall": recall, "frames pressed": float(true)})
        return rows

    def reliability_rows(self) -> list[dict[str, float | str]]:
        """Return, per range of stated confidence: its share of the button states, what was stated, what was right."""
        rows: list[dict[str, float | str]] = []
        for end, (count, right, stated) in zip(CONFIDENCE_ENDS, self.stated, strict=True):
            if count:
                share = float(count / self.stated[:, 0].sum())
                rows.append(
                    {"up to": end, "share": share, "stated": float(stated / count), "right": float(right / count)}
                )
        return rows

    @property
    def calibration_error(self) -> float:
        """Expected calibration error of button states: mean distance of stated confidence and share of right ones."""
        return _ratio(float(np.abs(self.stated[:, 2] - self.stated[:, 1]).sum()), float(self.stated[:, 0].sum()))

    @property
    def known(self) -> float:
        """Share of the truth's values that the reading knows."""
        return _ratio(self.num_known, self.num_values)

    def to_dict(self) -> dict[str, float]:
        """Return the figures by name; onsets and releases within one frame."""
        return {
            "accuracy": self.accuracy,
            "press_f1": self.press_f1,
            "onset_f1": self.event_f1("onset", _USUAL_TOLERANCE),
            "release_f1": self.event_f1("release", _USUAL_TOLERANCE),
            "stick_r2": self.stick_r2,
            "known": self.known,
        }


def score_trace(read: PadTrace, truth: PadTrace) -> LabelScores:
    """Return the scores of a reading against the truth, frames matched by time.

    Raises:
        ValueError: no frames of the two have the same time.
    """
    mine, theirs = match_frames(read.pts_s, truth.pts_s)
    if not len(mine):
        raise ValueError(f"no frames in common: read {_span(read)}, truth {_span(truth)}")
    read_buttons, true_buttons = read.buttons[mine], truth.buttons[theirs]
    read_sticks, true_sticks = read.sticks[mine].astype(np.float64), truth.sticks[theirs].astype(np.float64)
    both = np.isfinite(read_buttons) & np.isfinite(true_buttons)
    down, true_down = (read_buttons > _PRESSED) & both, (true_buttons > _PRESSED) & both
    both_sticks = np.isfinite(read_sticks) & np.isfinite(true_sticks)
    values = np.where(both_sticks, true_sticks, 0)
    return LabelScores(
        num_buttons=both.sum(axis=0).astype(np.float64),
        num_right=((down == true_down) & both).sum(axis=0).astype(np.float64),
        num_hit=(down & true_down).sum(axis=0).astype(np.float64),
        num_pressed=true_down.sum(axis=0).astype(np.float64),
        num_read_pressed=down.sum(axis=0).astype(np.float64),
        num_sticks=both_sticks.sum(axis=0).astype(np.float64),
        error=np.where(both_sticks, (read_sticks - true_sticks) ** 2, 0).sum(axis=0),
        total=values.sum(axis=0),
        total_squares=(values**2).sum(axis=0),
        num_values=float(np.isfinite(true_buttons).sum() + np.isfinite(true_sticks).sum()),
        num_known=float(both.sum() + both_sticks.sum()),
        events=_count_events(down, true_down, both),
        stated=_count_stated(read.confidence[mine][:, : DATASET.num_buttons][both], (down == true_down)[both]),
    )


def _count_stated(confidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Return `LabelScores.stated` of button states that are known."""
    place = np.minimum(np.searchsorted(CONFIDENCE_ENDS, confidence), len(CONFIDENCE_ENDS) - 1)
    sums = (np.bincount(place, weights, len(CONFIDENCE_ENDS)) for weights in (None, right, confidence))
    return np.stack(list(sums), axis=1).astype(np.float64)


def _count_events(
    down: npt.NDArray[np.bool_], true_down: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Return `LabelScores.events` of (num_frames, 17) states; a change counts where both frames around it are known."""
    counts = np.zeros((len(EVENTS), len(TOLERANCES), 3))
    seen = known[1:] & known[:-1]
    for kind, sign in enumerate((1, -1)):
        changes = [(np.diff(states.astype(np.int8), axis=0) == sign) & seen for states in (true_down, down)]
        for channel in range(down.shape[1]):
            true, read = (np.flatnonzero(change[:, channel]) for change in changes)
            for row, tolerance in enumerate(TOLERANCES):
                counts[kind, row] += (_pair(true, read, tolerance), len(true), len(read))
    return counts


def _pair(true: npt.NDArray[np.int64], read: npt.NDArray[np.int64], tolerance: int) -> int:
    """Return how many pairs within the tolerance there are when nothing is used twice (both are sorted)."""
    found = first = 0
    for place in true:
        while first < len(read) and read[first] < place - tolerance:
            first += 1
        if first < len(read) and read[first] <= place + tolerance:
            found, first = found + 1, first + 1
    return found


def hide_doubt(trace: PadTrace, min_confidence: float) -> PadTrace:
    """Return a trace in which values below a confidence are unknown."""
    unsure = trace.confidence < min_confidence
    buttons, sticks = trace.buttons.copy(), trace.sticks.copy()
    buttons[unsure[:, : DATASET.num_buttons]] = np.nan
    sticks[np.repeat(unsure[:, DATASET.num_buttons :], 2, axis=1)] = np.nan
    return PadTrace(trace.pts_s, buttons, sticks, np.where(unsure, 0, trace.confidence).astype(np.float32))


def always_released(truth: PadTrace) -> PadTrace:
    """Return the reading that never sees anything: nothing pressed, sticks at rest."""
    return PadTrace.known(truth.pts_s, np.zeros_like(truth.buttons), np.zeros_like(truth.sticks))


def copy_last(truth: PadTrace) -> PadTrace:
    """Return the reading that knows the truth one frame late: what a label must beat to be worth looking at."""
    late = np.maximum(np.arange(truth.num_frames) - 1, 0)
    return PadTrace.known(truth.pts_s, truth.buttons[late], truth.sticks[late])


def match_frames(
    pts_s: npt.NDArray[np.float64], other_pts_s: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return rows of both that have the same time, from the first frame of each on."""
    if not len(pts_s) or not len(other_pts_s):
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty
    mine, theirs = pts_s - pts_s[0], other_pts_s - other_pts_s[0]
    after = np.clip(np.searchsorted(theirs, mine), 1, max(1, len(theirs) - 1))
    before = after - 1
    after = np.minimum(after, len(theirs) - 1)
    nearest = np.where(np.abs(theirs[before] - mine) <= np.abs(theirs[after] - mine), before, after)
    same = np.abs(theirs[nearest] - mine) <= _SAME_FRAME_S
    return np.flatnonzero(same), nearest[same]


class BoxSpan(NamedTuple):
    """An overlay at one place for a span of time.

    Attributes:
        start_s: first moment, from the video's first frame on.
        stop_s: first moment after.
        box: x, y, w, h in pixels.
    """

    start_s: float
    stop_s: float
    box: tuple[float, ...]


class SpanScore(NamedTuple):
    """How well a true span was found: the error of its ends, found minus true, and the box IoU; NaN, NaN, 0 if not."""

    start_error_s: float
    stop_error_s: float
    iou: float


def score_spans(found: Sequence[BoxSpan], true: Sequence[BoxSpan]) -> tuple[list[SpanScore], int]:
    """Return the score of each true span, and how many of those found are none of them.

    A true span is paired with the one that overlaps it in box by half and in time the most; each is used once.
    """
    left, scores = list(found), []
    for span in true:
        there = [other for other in left if _together_s(other, span) > 0 and box_iou(other.box, span.box) > _SAME_BOX]
        if not there:
            scores.append(SpanScore(float("nan"), float("nan"), 0.0))
            continue
        best = max(there, key=lambda other, span=span: _together_s(other, span))  # type: ignore[misc]
        left.remove(best)
        scores.append(SpanScore(best.start_s - span.start_s, best.stop_s - span.stop_s, box_iou(best.box, span.box)))
    return scores, len(left)


def _together_s(first: BoxSpan, second: BoxSpan) -> float:
    """Return how long two spans share; negative by the time between them."""
    return min(first.stop_s, second.stop_s) - max(first.start_s, second.start_s)


def on_frames(truth: PadTrace, read: PadTrace) -> PadTrace:
    """Return a truth with about one row per frame of a reading: one that was polled more often is thinned."""
    if truth.num_frames < _POLLED * read.num_frames:
        return truth
    _, theirs = match_frames(read.pts_s, truth.pts_s)
    return PadTrace(truth.pts_s[theirs], truth.buttons[theirs], truth.sticks[theirs], truth.confidence[theirs])


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _span(trace: PadTrace) -> str:
    return f"{trace.num_frames} frames" + (f" from {trace.pts_s[0]:.3f} s" if trace.num_frames else "")
