"""From raw readings to labels: phantoms removed, sticks centred and scaled over the whole video, doubt kept.

Axis signs are the contract's (x right, y down) and never inferred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ops.gamepad import CONTROLS, DATASET_BUTTONS, STICKS, Floats, PadTrace

VERSION = "8"

#: A place is a stick's rest only if it was there in as many frames, and in this share of them.
_MIN_REST_FRAMES = 8
_MIN_REST_SHARE = 0.02
#: A stick that rests is there to within this, in travels.
_REST_SPREAD = 0.03
#: Even odds of a button are sought between these log odds, and moved only to the middle of a gap between the frames in
#: which it is down and the others that is so wide. A wider one counts up to a limit, less this much per unit of shift.
_LOG_ODDS = np.arange(-3.5, 3.5, 0.1)
_LEAST_GAP, _MOST_GAP, _SHIFT_COST = 1.2, 4.0, 0.5
#: The reader doubts more than it need: its log odds times this are right as often as they say, on 20 videos of skins
#: that it did not see (expected calibration error .0045; .0133 without).
_SURER = 1.5
#: Presses have at least these log odds in nearly all of their frames, and are as many frames, up to a share of all.
_LEAST_PRESSED, _LEAST_FRAMES, _MOST_SHARE = -2.2, 4, 0.7


@dataclass(frozen=True)
class RefineConfig:
    """How raw readings are cleaned.

    Attributes:
        min_confidence: below it a value is unknown (0 keeps everything).
        centred: a stick nearer to its usual rest than this is at rest.
        min_active_frames: a stick's scale is adjusted only if it was off centre in as many frames.
        max_stretch: a stick's scale is adjusted by at most this factor, either way.
        scale_trust: how much of that adjustment is made where the template tells the travel (0 none, 1 all): a stick
            that was never pushed all the way looks like one whose readings fall short.
        misplaced_px: standard deviation of how far from the middle a stick may rest, since a template may lie off, in
            pixels of the clip,
        least_misplaced: but no less than this share of its travel,
        unknown_misplaced: and this one where the template does not tell the travel.
    """

    min_confidence: float = 0.0
    centred: float = 0.2
    min_active_frames: int = 60
    max_stretch: float = 3.0
    scale_trust: float = 0.3
    misplaced_px: float = 0.8
    least_misplaced: float = 0.05
    unknown_misplaced: float = 0.2


class RefineSpan(NamedTuple):
    """Frames read with one template.

    Attributes:
        start: first frame.
        stop: first frame after.
        known_travel: whether the template tells the travel of the sticks that it draws.
        travel_px: that travel in pixels of the clip that was read, per stick; none where it is not known.
    """

    start: int
    stop: int
    known_travel: bool
    travel_px: Sequence[float] = ()


def refine_spans(raw: PadTrace, spans: Sequence[RefineSpan], config: RefineConfig) -> PadTrace:
    """Return the labels of a video whose overlay was read in spans (see `refine`); the rest stays unknown."""
    labels = PadTrace.unknown(raw.pts_s)
    for span in spans:
        rows = slice(span.start, span.stop)
        labels[rows] = refine(raw[rows], span.known_travel, config, span.travel_px)
    return labels


def refine(raw: PadTrace, known_travel: bool, config: RefineConfig, travel_px: Sequence[float] = ()) -> PadTrace:
    """Return the labels of a video.

    Args:
        raw: as read, all frames.
        known_travel: whether the template tells the sticks' travel; else it is estimated from the video.
        config: see `RefineConfig`.
        travel_px: see `RefineSpan`; a template that lies a little off moves the rest of a stick of small travel.
    """
    buttons, confidence = _steady_buttons(raw)
    sticks = raw.sticks.copy()
    for index in range(len(STICKS)):
        axes = slice(2 * index, 2 * index + 2)
        misplaced = config.unknown_misplaced
        if known_travel:
            travel = travel_px[index] if travel_px else np.inf
            misplaced = max(config.misplaced_px / max(travel, 1e-6), config.least_misplaced)
        sticks[:, axes] = _normalise(raw.sticks[:, axes], known_travel, misplaced, config)
    unsure = confidence < config.min_confidence
    buttons[unsure[:, : len(DATASET_BUTTONS)]] = np.nan
    sticks[np.repeat(unsure[:, len(DATASET_BUTTONS) :], 2, axis=1)] = np.nan
    return PadTrace(raw.pts_s, buttons, sticks, confidence)


def _steady_buttons(raw: PadTrace) -> tuple[Floats, Floats]:
    """Return buttons and confidence with even odds where a video's frames part, after a median of three frames.

    The median removes one-frame phantoms and leaves onsets where they are.
    """
    num_buttons = len(DATASET_BUTTONS)
    pressed = np.where(raw.buttons > 0.5, raw.confidence[:, :num_buttons], 1 - raw.confidence[:, :num_buttons])
    if len(pressed) >= 3:
        middle = np.median(np.stack([pressed[:-2], pressed[1:-1], pressed[2:]]), axis=0)
        pressed = np.concatenate([pressed[:1], middle, pressed[-1:]])
    known = np.isfinite(raw.buttons)
    for channel in range(num_buttons):
        rows = known[:, channel]
        pressed[rows, channel] = _parted(pressed[rows, channel])
    buttons = np.where(known, pressed > 0.5, np.nan).astype(np.float32)
    confidence = raw.confidence.copy()
    confidence[:, :num_buttons] = np.where(known, np.maximum(pressed, 1 - pressed), 0)
    return buttons, confidence


def _parted(pressed: Floats) -> Floats:
    """Return calibrated probabilities (n,) of a button, with even odds in the gap that parts the video's frames.

    How a press looks differs from skin to skin, and so does how sure a reader is of it; within a video it is the same
    every time. Without a clear gap nothing is moved. Frames at the edge of a press may lie in the gap.
    """
    limited = np.clip(pressed.astype(np.float64), 1e-6, 1 - 1e-6)
    log_odds = np.log(limited / (1 - limited))
    best, shift = -np.inf, 0.0
    for bar in _LOG_ODDS:
        down = log_odds > bar
        if not _LEAST_FRAMES <= down.sum() <= _MOST_SHARE * len(down):
            continue
        beside = down.copy()
        beside[1:] |= down[:-1]
        beside[:-1] |= down[1:]
        if beside.all():
            continue
        low, high = np.percentile(log_odds[~beside], 99.5), np.percentile(log_odds[down], 10)
        middle = (low + high) / 2
        worth = min(high - low, _MOST_GAP) - _SHIFT_COST * abs(middle)
        if high >= _LEAST_PRESSED and high - low >= _LEAST_GAP and worth > best:
            best, shift = worth, middle
    return np.asarray(1 / (1 + np.exp(_SURER * (shift - log_odds))), dtype=np.float32)


def _normalise(xy: Floats, known_travel: bool, misplaced: float, config: RefineConfig) -> Floats:
    """Return a stick's path centred on its rest, which is about `misplaced` from the middle, and scaled to [-1, 1]."""
    known = np.isfinite(xy).all(axis=1)
    if not known.any():
        return xy
    path = xy[known].astype(np.float64)
    path -= _rest(path, misplaced)
    radius = np.hypot(*path.T)
    active = radius > config.centred
    if active.sum() >= config.min_active_frames:
        full = float(np.percentile(radius[active] if known_travel else np.abs(path[active]).max(axis=1), 99))
        stretch = float(np.clip(full, 1 / config.max_stretch, config.max_stretch))
        path /= stretch**config.scale_trust if known_travel else stretch
    out = np.full_like(xy, np.nan)
    out[known] = np.clip(path, -1, 1)
    return out


def _rest(path: npt.NDArray[np.float64], misplaced: float) -> npt.NDArray[np.float64]:
    """Return where a stick rests: its most visited place, weighed by how likely a template lies off as much.

    It is the middle itself where the stick was hardly ever anywhere near it: a short clip may show no rest at all.
    """
    near = path[np.hypot(*path.T) < 3 * misplaced]
    if not len(near):
        return np.zeros(2)
    candidates = near[:: max(1, len(near) // 400)]
    rest = max(candidates, key=lambda place: float(_visits(path, place).sum() * _likely(place, misplaced)))
    for _ in range(5):
        weights = _visits(path, rest)
        rest = np.average(path, axis=0, weights=weights)
    if weights.sum() < max(_MIN_REST_FRAMES, _MIN_REST_SHARE * len(path)):
        return np.zeros(2)
    return np.asarray(rest, dtype=np.float64)


def _visits(path: npt.NDArray[np.float64], place: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.exp(-((path - place) ** 2).sum(axis=1) / (2 * _REST_SPREAD**2)))


def _likely(place: npt.NDArray[np.float64], misplaced: float) -> float:
    return float(np.exp(-(place**2).sum() / (2 * misplaced**2)))


def label_quality(trace: PadTrace) -> dict[str, float]:
    """Return the mean confidence of each control over the frames in which it is known."""
    values = {}
    for index, control in enumerate(CONTROLS):
        known = trace.confidence[:, index] > 0
        if known.any():
            values[control] = round(float(trace.confidence[known, index].mean()), 4)
    return values
