"""Premultiplied pictures at whole pixels: boxes, what lies over what, and back to straight alpha."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ops.gamepad import Floats
from ops.skins.sampling import spread
from ops.skins.template import Pixels

#: Keeps colours finite where hardly anything is drawn; far below the least alpha of a byte.
_TINY_ALPHA = np.float32(1e-6)


class Box(NamedTuple):
    """A rectangle of whole pixels, right and bottom not in it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def empty(self) -> bool:
        """Whether no pixel is in it."""
        return self.right <= self.left or self.bottom <= self.top

    @property
    def slices(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def overlaps(self, other: Box) -> bool:
        """Whether a pixel is in both."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def join(self, other: Box) -> Box:
        """Return the least box that holds both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def moved(self, dx: int, dy: int) -> Box:
        """Return it at another place."""
        return Box(self.left + dx, self.top + dy, self.right + dx, self.bottom + dy)

    def meet(self, other: Box) -> Box:
        """Return what is in both."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )


@dataclass(frozen=True, eq=False)
class Placed:
    """A sprite resampled to output pixels."""

    rgba: Floats
    x: int
    y: int

    @cached_property
    def box(self) -> Box:
        """What it covers."""
        return Box(self.x, self.y, self.x + self.rgba.shape[1], self.y + self.rgba.shape[0])

    @cached_property
    def _keep(self) -> Floats:
        """(h, w, 4): the share of what is below that stays."""
        return spread(1 - self.rgba[..., 3], 4)

    def lay(self, canvas: Floats, within: Box) -> None:
        """Composite it over a canvas (h, w, 4), in place, where it is within a box of the canvas."""
        part = within.meet(self.box)
        if not part.empty:
            here, region = part.moved(-self.x, -self.y).slices, canvas[part.slices]
            region *= self._keep[here]
            region += self.rgba[here]

    def trimmed(self) -> Placed:
        """Return it without the rows and columns at its edges in which nothing is drawn."""
        import cv2

        left, top, width, height = cv2.boundingRect((self.rgba[..., 3] != 0).view(np.uint8))
        if not width:
            return Placed(self.rgba[:1, :1], self.x, self.y)
        return Placed(self.rgba[top : top + height, left : left + width], self.x + left, self.y + top)


def over(canvas: Floats, sprite: Floats, x: int, y: int) -> None:
    """Composite a premultiplied sprite over a premultiplied canvas, in place, clipped to the canvas."""
    Placed(sprite, x, y).lay(canvas, Box(0, 0, canvas.shape[1], canvas.shape[0]))


def to_straight(premultiplied: Floats) -> Pixels:
    """Return a premultiplied picture (h, w, 4) in [0, 1] as uint8 RGBA of straight alpha."""
    alpha = premultiplied[..., 3]
    divisor = np.maximum(alpha, _TINY_ALPHA)
    divisor[alpha <= 0] = np.inf
    straight = premultiplied / spread(divisor, 4)
    straight[..., 3] = alpha
    straight *= np.float32(255)
    straight += np.float32(0.5)
    return np.asarray(np.clip(straight, 0, 255, out=straight), dtype=np.uint8)
