"""Boxes in pictures: what two of them share, and the region around several."""

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


def covered_share(first: Sequence[float], second: Sequence[float]) -> float:
    """Return which share of the smaller of two boxes x, y, w, h the other one covers: a design may be drawn in part."""
    iou = box_iou(first, second)
    common = iou * (first[2] * first[3] + second[2] * second[3]) / (1 + iou)
    return common / min(first[2] * first[3], second[2] * second[3])


def inner_share(box: Sequence[float], shape: Sequence[int]) -> float:
    """Return which share of a box x, y, w, h lies in a picture of a shape (height, width, ...)."""
    x, y, w, h = box
    wide = min(x + w, shape[1]) - max(x, 0)
    high = min(y + h, shape[0]) - max(y, 0)
    return max(0.0, wide) * max(0.0, high) / (w * h)


def region_around(boxes: Sequence[Sequence[float]], rim: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom, inside a picture, of the region that holds boxes.

    Args:
        boxes: x, y, w, h each.
        rim: room around each box, as a share of its sides.
        shape: height and width of the picture.
    """
    x, y, w, h = np.array(boxes).T
    height, width = shape[:2]
    return (
        int(np.clip((x - rim * w).min(), 0, width - 2)),
        int(np.clip((y - rim * h).min(), 0, height - 2)),
        int(np.clip((x + (1 + rim) * w).max(), 2, width)),
        int(np.clip((y + (1 + rim) * h).max(), 2, height)),
    )
