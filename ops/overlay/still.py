"""What stays in place while a video moves: the channels in which a detector looks for overlays.

Frames spread over a video become one picture of six channels: the temporal median in colour, the spread around it (a
translucent pad halves what moves behind it), and the edges that stay, by strength and by how steadily they point one
way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ops.gamepad import Floats
from ops.overlay.frames import temporal_median
from ops.skins.template import Pixels

#: Red, green and blue of the median, spread, strength and steadiness of edges.
NUM_CHANNELS: Final = 6
#: Spread and strength are square roots times this, so that 255 levels fill a byte and small values keep steps.
_ROOT_GAIN: Final = 16.0
#: Scale of OpenCV's 3 x 3 Sobel filter that gives levels per pixel.
_SOBEL_SCALE: Final = 1 / 8
#: Levels per pixel that count as noise: edges weaker than this are not steady. Chosen by eye.
_EDGE_NOISE: Final = 2.0


def still_channels(frames: Sequence[Pixels]) -> Pixels:
    """Return (h, w, `NUM_CHANNELS`) uint8 of frames, each (h, w, 3) uint8 RGB of one size.

    Raises:
        ValueError: there is no frame.
    """
    import cv2

    if not frames:
        raise ValueError("still_channels: expected at least one frame, got none")
    median = temporal_median(frames)
    spread = np.zeros(median.shape, np.float32)
    for frame in frames:
        cv2.accumulate(cv2.absdiff(frame, median), spread)
    staying, steady = _staying_edges([np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)) for frame in frames])
    roots = np.sqrt(np.stack([spread.mean(axis=-1) / len(frames), staying], axis=-1)) * _ROOT_GAIN
    rest = np.concatenate([roots, steady[..., None] * 255], axis=-1)
    return np.concatenate([median, np.clip(rest + 0.5, 0, 255).astype(np.uint8)], axis=-1)


def edge_evidence(frames: Sequence[Pixels]) -> Floats:
    """Return (h, w): how strong the edges are that stay, in levels per pixel times their steadiness.

    Each colour counts by itself and the strongest one wins: a red pad over a dark scene may have no edge in grey.

    Args:
        frames: (h, w, 3) uint8 RGB each, of one size.
    """
    staying, steady = _staying_edges(frames)
    return np.asarray((staying * steady).max(axis=-1), dtype=np.float32)


def _staying_edges(pictures: Sequence[npt.NDArray[Any]]) -> tuple[Floats, Floats]:
    """Return the strength of the mean gradient, and its share of the mean strength, both of the pictures' shape."""
    import cv2

    strength = np.zeros(pictures[0].shape, np.float32)
    mean_x, mean_y = np.zeros_like(strength), np.zeros_like(strength)
    for picture in pictures:
        along_x = cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=_SOBEL_SCALE)
        along_y = cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=_SOBEL_SCALE)
        mean_x += along_x
        mean_y += along_y
        strength += cv2.magnitude(along_x, along_y)
    staying = np.asarray(cv2.magnitude(mean_x, mean_y) / len(pictures), np.float32)
    return staying, np.asarray(staying / (strength / len(pictures) + _EDGE_NOISE), np.float32)
