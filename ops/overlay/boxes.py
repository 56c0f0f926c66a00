"""Boxes in pictures: what two of them share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: left, top, right, bottom in frame pixels.
Box = tuple[float, float, float, float]


def box_iou(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the intersection over union of two boxes x, y, w, h."""
    low = np.maximum(first[:2], second[:2])
    high = np.minimum(np.add(first[:2], first[2:]), np.add(second[:2], second[2:]))
    common = float(np.prod(np.maximum(high - low, 0)))
    return common / (first[2] * first[3] + second[2] * second[3] - common)
