"""Vector shapes as antialiased masks and sprites: the drawing tools of the procedural families.

Shapes are drawn in canvas pixels at `_SUPERSAMPLE` times the resolution and averaged down. So edges are smooth, and
places between pixels count. Text is OpenCV's own stroke font.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ops.gamepad import Floats
from ops.skins.form import Sprite
from ops.skins.sampling import spread

Colour = tuple[float, float, float]
Point = tuple[float, float]
Mask = npt.NDArray[np.float32]

#: Shapes are drawn so many times as large, then averaged down: 16 steps of coverage per pixel.
_SUPERSAMPLE = 4
#: Fraction bits of OpenCV's coordinates: sixteenths of a pixel.
_SHIFT = 4
#: Points of a rounded corner and of an ellipse: at 640 pixels no edge between two is seen.
_CORNER_POINTS = 12
_ELLIPSE_POINTS = 64
#: Height of a capital letter in OpenCV's Hershey font, in its units.
_CAPITAL_UNITS = 21.0
#: A halo is made so much stronger than the blur that it is made of. Chosen by eye.
_GLOW_GAIN = 1.6


@dataclass(frozen=True)
class Patch:
    """A rectangle of the canvas in which masks are drawn; they are (height, width) float32 in [0, 1].

    Attributes:
        left: canvas x of its left edge.
        top: canvas y of its top edge.
        width: in canvas pixels.
        height: in canvas pixels.
    """

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def around(cls, centre: Point, half: Point, margin: float) -> Patch:
        """Return the patch that holds a shape of half-size `half` around `centre`, with a margin."""
        left, top = (int(np.floor(c - h - margin)) for c, h in zip(centre, half, strict=True))
        right, bottom = (int(np.ceil(c + h + margin)) for c, h in zip(centre, half, strict=True))
        return cls(left, top, right - left, bottom - top)

    def _blank(self) -> npt.NDArray[np.uint8]:
        return np.zeros((self.height * _SUPERSAMPLE, self.width * _SUPERSAMPLE), dtype=np.uint8)

    def _finish(self, big: npt.NDArray[np.uint8]) -> Mask:
        import cv2

        small = cv2.resize(big, (self.width, self.height), interpolation=cv2.INTER_AREA)
        return np.asarray(small / np.float32(255), dtype=np.float32)

    def _to_big(self, points: Sequence[Point]) -> npt.NDArray[np.int32]:
        array = (np.asarray(points, dtype=np.float64) - (self.left, self.top)) * _SUPERSAMPLE - 0.5
        return np.round(array * (1 << _SHIFT)).astype(np.int32)

    def polygon(self, points: Sequence[Point]) -> Mask:
        """Return the mask of a filled polygon."""
        import cv2

        part = self._around(points)
        big = part._blank()
        cv2.fillPoly(big, [part._to_big(points)], 255, lineType=cv2.LINE_8, shift=_SHIFT)
        mask = np.zeros((self.height, self.width), dtype=np.float32)
        left, top = part.left - self.left, part.top - self.top
        mask[top : top + part.height, left : left + part.width] = part._finish(big)
        return mask

    def _around(self, points: Sequence[Point]) -> Patch:
        """Return the part of it that holds points, a pixel more on each side, at least one pixel."""
        (left, right), (top, bottom) = (
            (
                min(max(int(np.floor(min(values))) - 1, start), start + length - 1),
                max(min(int(np.ceil(max(values))) + 1, start + length), start + 1),
            )
            for values, start, length in zip(
                zip(*points, strict=True), (self.left, self.top), (self.width, self.height), strict=True
            )
        )
        return Patch(left, top, right - left, bottom - top)

    def ellipse(self, centre: Point, half: Point, angle: float = 0.0) -> Mask:
        """Return the mask of a filled ellipse, turned by `angle` degrees."""
        return self.polygon(ellipse_points(centre, half, angle))

    def rounded(self, centre: Point, half: Point, radius: float) -> Mask:
        """Return the mask of a rectangle with rounded corners."""
        radius = min(radius, *half)
        points: list[Point] = []
        for corner, (sx, sy) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
            turn = np.linspace(corner * np.pi / 2, (corner + 1) * np.pi / 2, _CORNER_POINTS)
            x = centre[0] + sx * (half[0] - radius) + radius * np.cos(turn)
            y = centre[1] + sy * (half[1] - radius) + radius * np.sin(turn)
            points.extend(zip(x.tolist(), y.tolist(), strict=True))
        return self.polygon(points)

    def strokes(self, lines: Sequence[Sequence[Point]], thickness: float) -> Mask:
        """Return the mask of open polylines of a thickness in canvas pixels."""
        import cv2

        big = self._blank()
        width = max(1, round(thickness * _SUPERSAMPLE))
        cv2.polylines(big, [self._to_big(line) for line in lines], False, 255, width, cv2.LINE_8, _SHIFT)
        return self._finish(big)

    def text(self, text: str, centre: Point, height: float, thickness: float) -> Mask:
        """Return the mask of a short text centred at a point; `height` is that of a capital letter."""
        import cv2

        big = self._blank()
        font, width = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(thickness * _SUPERSAMPLE))
        scale = height * _SUPERSAMPLE / _CAPITAL_UNITS
        (text_width, text_height), _ = cv2.getTextSize(text, font, scale, width)
        x = (centre[0] - self.left) * _SUPERSAMPLE - text_width / 2
        y = (centre[1] - self.top) * _SUPERSAMPLE + text_height / 2
        cv2.putText(big, text, (round(x), round(y)), font, scale, 255, width, cv2.LINE_8)
        return self._finish(big)

    def sprite(self, layers: Sequence[tuple[Mask, Colour, float]]) -> Sprite:
        """Return a sprite of masks painted over one another, each (mask, colour in [0, 1], alpha)."""
        import cv2

        rgba = np.zeros((self.height, self.width, 4), dtype=np.float32)
        for mask, colour, alpha in layers:
            if alpha > 0:
                covered = mask * np.float32(alpha)
                rgba *= spread(1 - covered, 4)
                rgba += cv2.merge([*(covered * np.float32(value) for value in colour), covered])
        return Sprite(rgba, self.left, self.top)


def ellipse_points(centre: Point, half: Point, angle: float = 0.0) -> list[Point]:
    """Return points on an ellipse, turned by `angle` degrees."""
    turn = np.linspace(0, 2 * np.pi, _ELLIPSE_POINTS, endpoint=False)
    x, y = half[0] * np.cos(turn), half[1] * np.sin(turn)
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return list(zip((centre[0] + c * x - s * y).tolist(), (centre[1] + s * x + c * y).tolist(), strict=True))


def outline(mask: Mask, thickness: float) -> Mask:
    """Return the inner border of a mask."""
    import cv2

    size = 2 * max(1, round(thickness)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inner = cv2.erode(padded, kernel, borderType=cv2.BORDER_REPLICATE)[1:-1, 1:-1]
    return np.asarray(np.clip(mask - inner, 0, 1), dtype=np.float32)


def glow(mask: Mask, radius: float) -> Mask:
    """Return a soft halo around a mask, strongest at its border."""
    import cv2

    return np.asarray(np.clip(cv2.GaussianBlur(mask, (0, 0), radius) * _GLOW_GAIN, 0, 1), dtype=np.float32)


def union(*masks: Mask) -> Mask:
    """Return where any mask covers."""
    return np.asarray(np.maximum.reduce(masks), dtype=np.float32)


def shifted(sprite: Sprite, dx: float, dy: float) -> Sprite:
    """Return a sprite at another place."""
    return Sprite(sprite.rgba, sprite.x + dx, sprite.y + dy)


def premultiplied(rgba: npt.NDArray[np.uint8]) -> Floats:
    """Return a straight-alpha uint8 picture as premultiplied float32."""
    values = rgba.astype(np.float32) / np.float32(255)
    values[..., :3] *= values[..., 3:]
    return np.asarray(values, dtype=np.float32)
