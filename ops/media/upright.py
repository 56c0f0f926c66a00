"""Decoded pictures as a player shows them: turned as the header says, with square pixels.

A header may ask for a quarter turn (phones) or say that pixels are not square (DVD, DV, broadcasts). Everything that
follows, boxes in reports too, is in pixels of the picture as it is shown. So a picture is turned and widened once,
where it is decoded. It is only ever enlarged: width where pixels are wide, height where they are high.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any, Final

#: Pixel shapes (width to height) that a header is believed. Real ones lie between 1/2 and 2; others are mistakes.
_LEAST_ASPECT: Final = Fraction(1, 4)
#: The same at the other end.
_MOST_ASPECT: Final = Fraction(4)
#: FFmpeg's filters for quarter turns, by degrees counter-clockwise.
_TURNS: Final = {
    90: (("transpose", "cclock"),),
    180: (("hflip", ""), ("vflip", "")),
    270: (("transpose", "clock"),),
}


def plausible_aspect(aspect: Fraction | None) -> Fraction:
    """Return a header's shape of pixels, width to height; 1 where it says none or a mistaken one."""
    return aspect if aspect and _LEAST_ASPECT <= aspect <= _MOST_ASPECT else Fraction(1)


def quarter_turns(rotation: float) -> int:
    """Return a header's rotation in degrees counter-clockwise: 0, 90, 180 or 270; 0 for what is no quarter turn."""
    degrees = round(rotation) % 360
    return degrees if degrees in _TURNS else 0


def shown_size(width: int, height: int, aspect: Fraction, rotation: int) -> tuple[int, int]:
    """Return (width, height) of a stored picture as it is shown, in square pixels; sides that change are even."""
    if aspect > 1:
        width = round(width * aspect / 2) * 2
    elif aspect < 1:
        height = round(height / aspect / 2) * 2
    return (height, width) if rotation in (90, 270) else (width, height)


class Upright:
    """Turns decoded frames (`av.VideoFrame`) upright and makes their pixels square; most pass as they are.

    Args:
        aspect: shape of the stored pixels, width to height.
    """

    def __init__(self, aspect: Fraction) -> None:
        self._aspect = aspect
        self._graphs: dict[tuple[int, int, str, int], tuple[Any, Any, Any]] = {}

    def __call__(self, frame: Any) -> Any:
        """Return a frame as it is shown, with its time."""
        rotation = quarter_turns(frame.rotation)
        if self._aspect == 1 and not rotation:
            return frame
        key = (frame.width, frame.height, frame.format.name, rotation)
        if key not in self._graphs:
            self._graphs = {key: self._build(frame, rotation)}
        _, source, sink = self._graphs[key]
        source.push(frame)
        shown = sink.pull()
        shown.pts, shown.time_base = frame.pts, frame.time_base
        return shown

    def _build(self, frame: Any, rotation: int) -> tuple[Any, Any, Any]:
        import av

        graph = av.filter.Graph()
        graph.threads = 1
        wide, high = shown_size(frame.width, frame.height, self._aspect, 0)
        steps = [("scale", f"{wide}:{high}:flags=bicubic"), ("setsar", "1"), *_TURNS.get(rotation, ())]
        source = graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        sink = graph.add("buffersink")
        chain = [source, *(graph.add(name, text) for name, text in steps), graph.add("format", frame.format.name), sink]
        for before, after in itertools.pairwise(chain):
            before.link_to(after)
        graph.configure()
        return graph, source, sink
