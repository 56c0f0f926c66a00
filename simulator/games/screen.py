"""Facts that are read from the picture, for games that tell them nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from simulator.protocol import Frame


@dataclass(frozen=True)
class Template:
    """What a part of the screen looks like, coarsely: so no size of the frame is assumed, and no art is copied.

    Attributes:
        box: left, top, right, bottom, as shares of width and height.
        rows: lines of equal length over the box, `#` where it is lit and `.` where it is not.
        channel: of red, green, blue (0, 1, 2), the one that outshines the others where it is lit.
    """

    box: tuple[float, float, float, float]
    rows: Sequence[str]
    channel: int

    def likeness(self, frame: Frame) -> float:
        """Return its correlation in [-1, 1] with a frame, (height, width, 3) uint8 RGB; 0 where nothing is lit."""
        import cv2

        height, width = frame.shape[:2]
        left, top, right, bottom = self.box
        part = frame[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
        others = [channel for channel in range(3) if channel != self.channel]
        lit = cv2.subtract(part[..., self.channel], part[..., others].max(2)).astype(np.float32)
        seen = cv2.resize(lit, (len(self.rows[0]), len(self.rows)), interpolation=cv2.INTER_AREA)
        wanted = np.array([[letter == "#" for letter in row] for row in self.rows], np.float32)
        seen, wanted = seen - seen.mean(), wanted - wanted.mean()
        size = float(np.linalg.norm(seen) * np.linalg.norm(wanted))
        return float((seen * wanted).sum()) / size if size > 0 else 0.0


def ends_where(template: Template, threshold: float) -> Callable[[Frame], Mapping[str, float]]:
    """Return a reader of pictures: `lost` is 1 and `running` 0 where one is more like a template than a threshold."""
    return partial(_end_where, template, threshold)


def _end_where(template: Template, threshold: float, frame: Frame) -> Mapping[str, float]:
    lost = template.likeness(frame) > threshold
    return {"lost": 1.0, "running": 0.0} if lost else {"lost": 0.0}
