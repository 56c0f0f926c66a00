"""The two small pictures of a decoded frame, made by FFmpeg's filters: the overlay's part, and the painted game view.

swscale does the resizing, so no full frame ever becomes an array.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.media.video import OpenVideo, add_source
from ops.overlay.tracks import Track

#: Times that differ by less are one frame's: they are rounded to the container's clock (see `ops.dataset.chunks`).
SAME_TIME_S: Final = 1e-4


@dataclass(frozen=True)
class Region:
    """A part of the source picture and the size it is scaled to; all even, so that chroma stays in place."""

    left: int
    top: int
    width: int
    height: int
    scaled_width: int
    scaled_height: int


def view_steps(masks: Sequence[Sequence[int]], game_size: int) -> list[tuple[str, str]]:
    """Return the filters that make a picture the game view: its size, and boxes painted over."""
    sized = [("scale", f"{game_size}:{game_size}:flags=area"), ("format", "yuv420p")]
    return sized + [("drawbox", f"x={x}:y={y}:w={w}:h={h}:color=black:t=fill") for x, y, w, h in masks]


def make_chain(video: OpenVideo, steps: Sequence[tuple[str, str]]) -> Callable[[Any], Any]:
    """Return what makes one picture of each decoded frame, by a chain of filters (name, arguments)."""
    import av

    graph = av.filter.Graph()
    graph.threads = 1
    source = add_source(graph, video)
    sink = graph.add("buffersink")
    chain = [source, *(graph.add(name, arguments) for name, arguments in steps), sink]
    for before, after in itertools.pairwise(chain):
        before.link_to(after)
    graph.configure()

    def pull(frame: Any) -> Any:
        source.push(frame)
        return sink.pull()

    pull.graph = graph  # type: ignore[attr-defined]  # keeps it alive
    return pull


class Views:
    """The two small pictures of a frame: the overlay's part as of its time, and the painted game view.

    Args:
        video: that the frames are of.
        tracks: of the overlay that is followed, by time.
        regions: the part of the picture that each needs.
        masks: boxes in the game view to paint.
        game_size: side of the game view in pixels.
    """

    def __init__(
        self,
        video: OpenVideo,
        tracks: Sequence[Track],
        regions: Sequence[Region],
        masks: Sequence[Sequence[int]],
        game_size: int,
    ) -> None:
        self.size = max(r.scaled_width for r in regions), max(r.scaled_height for r in regions)
        self._starts = [track.start_s - SAME_TIME_S for track in tracks]
        self._make = [lambda r=region: _SplitGraph(video, r, self.size, masks, game_size) for region in regions]
        self._graphs: dict[int, _SplitGraph] = {}

    def pull(self, frame: Any, now_s: float) -> tuple[Any, Any]:
        """Return the two pictures of a decoded frame; between spans the overlay's part is where it was before."""
        number = max(0, bisect_right(self._starts, now_s) - 1)
        if number not in self._graphs:
            self._graphs = {number: self._make[number]()}
        return self._graphs[number].pull(frame)


class _SplitGraph:
    """decoder -> split -> (crop, scale, pad) and (scale, paint): one picture in, two small ones out."""

    def __init__(
        self,
        video: OpenVideo,
        region: Region,
        size: tuple[int, int],
        masks: Sequence[Sequence[int]],
        game_size: int,
    ) -> None:
        import av

        graph = av.filter.Graph()
        graph.threads = 1
        source = add_source(graph, video)
        split = graph.add("split")
        pad_view = [
            ("crop", f"{region.width}:{region.height}:{region.left}:{region.top}:exact=1"),
            ("scale", f"{region.scaled_width}:{region.scaled_height}:flags=area"),
            ("format", "yuv420p"),
        ]
        if size != (region.scaled_width, region.scaled_height):
            pad_view.append(("pad", f"{size[0]}:{size[1]}:0:0"))
        source.link_to(split)
        self._sinks = []
        for output, steps in enumerate((pad_view, view_steps(masks, game_size))):
            chain = [*(graph.add(name, arguments) for name, arguments in steps), graph.add("buffersink")]
            split.link_to(chain[0], output_idx=output)
            for before, after in itertools.pairwise(chain):
                before.link_to(after)
            self._sinks.append(chain[-1])
        graph.configure()
        self._source, self._graph = source, graph

    def pull(self, frame: Any) -> tuple[Any, Any]:
        """Return the two pictures of a decoded frame."""
        self._source.push(frame)
        return self._sinks[0].pull(), self._sinks[1].pull()
