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

VERSION = "6"

#: A place is a stick's rest only if it was there in as many frames, and in this share of them.
_MIN_REST_FRAMES = 12
_MIN_REST_SHARE = 0.05


@dataclass(frozen=True)
class RefineConfig:
    """How raw readings are cleaned.

    Attributes:
        min_confidence: below it a value is unknown (0 keeps everything).
        centred: a stick nearer to its usual rest than this is at rest.
        min_active_frames: a stick's scale is adjusted only if it was off centre in as many frames.
        max_stretch: a stick's scale is adjusted by at most this factor, either way.
        max_known_stretch: the same where the template tells the travel; readings of small travels fall short of it.
        misplaced_px: a template may lie off by as many pixels of the clip: so far from the middle a stick may rest,
        most_misplaced: and by no larger share of its travel.
    """

    min_confidence: float = 0.0
    centred: float = 0.2
    min_active_frames: int = 60
    max_stretch: float = 3.0
    max_known_stretch: float = 1.5
    misplaced_px: float = 1.5
    most_misplaced: float = 0.35


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
        sure = confidence[:, len(DATASET_BUTTONS) + index]
        within = config.centred if known_travel else 2 * config.centred
        if known_travel and travel_px:
            misplaced = config.misplaced_px / max(travel_px[index], 1e-6)
            within = float(np.clip(misplaced, within, config.most_misplaced))
        sticks[:, axes] = _normalise(raw.sticks[:, axes], sure, known_travel, within, config)
    unsure = confidence < config.min_confidence
    buttons[unsure[:, : len(DATASET_BUTTONS)]] = np.nan
    sticks[np.repeat(unsure[:, len(DATASET_BUTTONS) :], 2, axis=1)] = np.nan
    return PadTrace(raw.pts_s, buttons, sticks, confidence)


def _steady_buttons(raw: PadTrace) -> tuple[Floats, Floats]:
    """Return buttons and confidence after a median of three frames: one-frame phantoms go, onsets stay."""
    num_buttons = len(DATASET_BUTTONS)
    pressed = np.where(raw.buttons > 0.5, raw.confidence[:, :num_buttons], 1 - raw.confidence[:, :num_buttons])
    if len(pressed) >= 3:
        middle = np.median(np.stack([pressed[:-2], pressed[1:-1], pressed[2:]]), axis=0)
        pressed = np.concatenate([pressed[:1], middle, pressed[-1:]])
    known = np.isfinite(raw.buttons)
    buttons = np.where(known, pressed > 0.5, np.nan).astype(np.float32)
    confidence = raw.confidence.copy()
    confidence[:, :num_buttons] = np.where(known, np.maximum(pressed, 1 - pressed), 0)
    return buttons, confidence


def _normalise(xy: Floats, sure: Floats, known_travel: bool, within: float, config: RefineConfig) -> Floats:
    """Return a stick's path centred on its rest, which is `within` that of the middle, and scaled to [-1, 1]."""
    known = np.isfinite(xy).all(axis=1)
    if not known.any():
        return xy
    path = xy[known].astype(np.float64)
    path -= _rest(path, sure[known], within, config)
    radius = np.hypot(*path.T)
    active = radius > config.centred
    if active.sum() >= config.min_active_frames:
        full = float(np.percentile(np.abs(path[active]).max(axis=1), 99))
        least = 1 / (config.max_known_stretch if known_travel else config.max_stretch)
        path /= float(np.clip(full, least, config.max_stretch))
    out = np.full_like(xy, np.nan)
    out[known] = np.clip(path, -1, 1)
    return out


def _rest(path: npt.NDArray[np.float64], sure: Floats, within: float, config: RefineConfig) -> npt.NDArray[np.float64]:
    """Return where a stick rests: the mean of its surest places around the most visited one near the middle.

    It is the middle itself where the stick was hardly ever within that distance: a short clip may show no rest at all.
    """
    near = np.hypot(*path.T) < within
    if not near.any():
        return np.zeros(2)
    cells = np.round(path[near] / (config.centred / 2)).astype(int)
    places, counts = np.unique(cells, axis=0, return_counts=True)
    # Rest is where it stays longest; a held direction may stay longer, but not this close to the middle.
    usual = places[counts.argmax()] * (config.centred / 2)
    close = np.hypot(*(path - usual).T) < config.centred / 2
    if close.sum() < max(_MIN_REST_FRAMES, _MIN_REST_SHARE * len(path)):
        return np.zeros(2)
    weights = sure[close].astype(np.float64) + 1e-6
    return np.asarray(np.average(path[close], axis=0, weights=weights), dtype=np.float64)


def label_quality(trace: PadTrace) -> dict[str, float]:
    """Return the mean confidence of each control over the frames in which it is known."""
    values = {}
    for index, control in enumerate(CONTROLS):
        known = trace.confidence[:, index] > 0
        if known.any():
            values[control] = round(float(trace.confidence[known, index].mean()), 4)
    return values
