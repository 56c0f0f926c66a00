"""Figures of a detector's output against the truth of examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.overlay_detector.config import KINDS, PLACES
from ops.gamepad import Floats
from ops.overlay.boxes import box_iou
from ops.overlay.detect import Candidate, DetectConfig, decode

#: A control is right if its centre is within this share of its half size (its least counts as `_LEAST_HALF_PX`).
_RIGHT_SHARE = 0.5
_LEAST_HALF_PX = 3.0
#: Bounds of IoU for which recall is told.
BOUNDS = (0.5, 0.8, 0.95)


def score_maps(
    outputs: Sequence[Floats], truths: Sequence[tuple[Floats, Floats, Floats]], config: DetectConfig
) -> dict[str, float]:
    """Return recall by IoU, false finds per example, and the share of controls in their place, for gamepads.

    Args:
        outputs: (`NUM_MAPS`, h, w) each, with probabilities.
        truths: per output its things, places and ignored boxes (see `training.detector.loss.Truth`).
        config: its `candidate` is the score from which a find counts.
    """
    overlaps: list[float] = []
    false_finds = 0
    controls: list[bool] = []
    for maps, (things, places, ignored) in zip(outputs, truths, strict=True):
        found = [item for item in decode(maps, config) if item.kind == KINDS[0]]
        pads = np.flatnonzero(things[:, 0] == 0)
        taken: set[int] = set()
        for pad in pads.tolist():
            box = things[pad, 1:]
            shared = [box_iou(item.box, box) for item in found]
            best = int(np.argmax(shared)) if shared else -1
            overlaps.append(shared[best] if shared else 0.0)
            if best >= 0 and shared[best] > BOUNDS[0]:
                taken.add(best)
                controls += _controls_right(found[best], places[pad])
        rest = [item for number, item in enumerate(found) if number not in taken]
        false_finds += sum(all(box_iou(item.box, box) < 0.1 for box in ignored if box[2] > 0) for item in rest)
    shares = np.array(overlaps or [0.0])
    return {
        **{f"recall_{bound}": round(float((shares >= bound).mean()), 4) for bound in BOUNDS},
        "false_finds": round(false_finds / max(1, len(outputs)), 4),
        "controls": round(float(np.mean(controls)) if controls else 0.0, 4),
        "pads": float(len(overlaps)),
    }


def _controls_right(found: Candidate, places: Floats) -> list[bool]:
    """Return, for each control that is drawn, whether it was found in its place."""
    right = []
    for name, (cx, cy, half_width, half_height) in zip(PLACES, places, strict=True):
        if np.isfinite(cx):
            area = found.controls.get(name)
            bound = _RIGHT_SHARE * max(half_width, half_height, _LEAST_HALF_PX)
            right.append(area is not None and float(np.hypot(area.cx - cx, area.cy - cy)) <= bound)
    return right
