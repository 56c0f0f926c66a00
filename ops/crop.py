"""One decode pass over a video writes two small clips: the overlay's crop for the parser and the masked game view.

The decoder's pictures go once through a filter graph that splits them; swscale does the resizing, so no full frame
ever becomes an array. Frame i of both clips and row i of `frames.parquet` are the source's i-th frame.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ops.locate import Track
from ops.skins.template import Template

VERSION = "2"
GAMEPAD_CLIP = "gamepad.mp4"
GAME_CLIP = "game.mp4"
FRAME_TABLE = "frames.parquet"

_TIME_BASE = Fraction(1, 90_000)
_FRAMES_WAITING = 8


@dataclass(frozen=True)
class CropConfig:
    """What is kept of a video.

    Attributes:
        gamepad_width: the crop is at most this wide; narrower overlays keep the pixels that the source has.
        margin: around the overlay in the crop, as a fraction of its width.
        game_size: side of the square game view in pixels (aspect not kept, as the policy's network expects).
        mask_padding: around the overlay in the game view, as a fraction of its width.
        gamepad_qp: H.264 quantizer of the crop; low, since the parser reads pixels.
        game_qp: H.264 quantizer of the game view.
        chunk_s: the game view has a keyframe at the first frame of every chunk of this length.
        keyframe_s: and at least this often.
    """

    gamepad_width: int = 384
    margin: float = 0.03
    game_size: int = 256
    mask_padding: float = 0.02
    gamepad_qp: int = 16
    game_qp: int = 25
    chunk_s: float = 20.0
    keyframe_s: float = 1.0


@dataclass(frozen=True)
class CropReport:
    """What a crop pass wrote.

    Attributes:
        num_frames: frames in each clip.
        width: of the gamepad clip.
        height: of the gamepad clip.
        affine: (2, 3) nested, template pixels to pixels of the gamepad clip.
        masks: painted boxes x, y, w, h in pixels of the game view.
        pts_s: presentation time of each frame, the first one's being 0.
    """

    num_frames: int
    width: int
    height: int
    affine: list[list[float]]
    masks: list[list[int]]
    pts_s: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """A part of the source picture and the size it is scaled to; all even, so that chroma stays in place."""

    left: int
    top: int
    width: int
    height: int
    scaled_width: int
    scaled_height: int


def overlay_region(
    template: Template, affine: npt.NDArray[np.float64], size: tuple[int, int], config: CropConfig
) -> Region:
    """Return the part of a picture of `size` (width, height) that the parser needs: the skin's canvas and a margin."""
    left, top = affine[:, 2]
    right, bottom = affine[:, :2] @ (template.width, template.height) + affine[:, 2]
    pad = config.margin * (right - left)
    x0 = int(np.clip(left - pad, 0, size[0] - 16)) // 2 * 2
    y0 = int(np.clip(top - pad, 0, size[1] - 16)) // 2 * 2
    x1 = min(size[0], int(np.ceil((right + pad) / 2)) * 2)
    y1 = min(size[1], int(np.ceil((bottom + pad) / 2)) * 2)
    width, height = max(16, (x1 - x0) // 2 * 2), max(16, (y1 - y0) // 2 * 2)
    scale = min(1.0, config.gamepad_width / width)
    return Region(x0, y0, width, height, max(16, round(width * scale / 2) * 2), max(16, round(height * scale / 2) * 2))


def mask_box(
    template: Template, affine: npt.NDArray[np.float64], size: tuple[int, int], config: CropConfig
) -> list[int]:
    """Return the box x, y, w, h in the game view that hides the overlay, whatever is pressed; clipped to the view."""
    corners = np.array([[0, 0], [template.width, template.height]], dtype=np.float64)
    low, high = corners @ affine[:, :2].T + affine[:, 2]
    pad = config.mask_padding * (high[0] - low[0])
    factor = config.game_size / np.array(size, dtype=np.float64)
    # One pixel more on each side: area scaling mixes the border into its neighbours.
    start = np.clip(np.floor((low - pad) * factor).astype(int) - 1, 0, config.game_size)
    stop = np.clip(np.ceil((high + pad) * factor).astype(int) + 1, 0, config.game_size)
    return [int(start[0]), int(start[1]), int(stop[0] - start[0]), int(stop[1] - start[1])]


def crop_video(path: Path, folder: Path, track: Track, template: Template, config: CropConfig) -> CropReport:
    """Write `gamepad.mp4` and `game.mp4` of a video into a folder. Meant to run inside `ops.sandbox.call`.

    Raises:
        BadInputError: the video cannot be read.
    """
    from ops.video import decode_frames, open_video

    affine = np.array(track.affine)
    with open_video(path) as video:
        size = (video.stream.width, video.stream.height)
        region = overlay_region(template, affine, size, config)
        mask = mask_box(template, affine, size, config)
        graph = _SplitGraph(video.stream, region, mask, config)
        times: list[float] = []
        keyframe = keyframe_rule(config)
        with (
            ClipWriter(folder / GAMEPAD_CLIP, config.gamepad_qp) as gamepad,
            ClipWriter(folder / GAME_CLIP, config.game_qp) as game,
        ):

            def write(frame: Any) -> None:
                pad_view, game_view = graph.pull(frame)
                times.append(float(frame.pts * frame.time_base))
                now = times[-1] - times[0]
                gamepad.write(pad_view, now, len(times) % 120 == 1)
                game.write(game_view, now, keyframe(now))

            _consume_behind(decode_frames(video), write)
    to_crop = affine.copy()
    to_crop[:, 2] -= (region.left, region.top)
    to_crop *= [[region.scaled_width / region.width], [region.scaled_height / region.height]]
    rows = [[round(float(value), 6) for value in row] for row in to_crop]
    pts_s = np.array(times) - times[0]
    return CropReport(len(times), region.scaled_width, region.scaled_height, rows, [mask], pts_s)


def write_game_view(
    path: Path, out: Path, area: Sequence[float], masks: Sequence[Sequence[int]], config: CropConfig, stop_s: float
) -> npt.NDArray[np.float64]:
    """Write the masked game view of a video whose overlay's place is known; return the times of its frames.

    Meant to run inside `ops.sandbox.call`.

    Args:
        path: the video.
        out: the clip to write, as `crop_video` writes `game.mp4`.
        area: of the game in the picture, left, top, right, bottom as shares of it.
        masks: boxes x, y, w, h to paint, in pixels of the view.
        config: size and quality of the view, and its keyframes.
        stop_s: the view ends at this time after the first frame.

    Raises:
        BadInputError: the video cannot be read.
    """
    from ops.video import decode_frames, open_video

    with open_video(path) as video:
        width, height = video.stream.width, video.stream.height
        left, top = int(area[0] * width) // 2 * 2, int(area[1] * height) // 2 * 2
        wide, high = int((area[2] - area[0]) * width) // 2 * 2, int((area[3] - area[1]) * height) // 2 * 2
        steps = [("crop", f"{wide}:{high}:{left}:{top}:exact=1")] if (wide, high) != (width, height) else []
        steps += [("scale", f"{config.game_size}:{config.game_size}:flags=area"), ("format", "yuv420p")]
        steps += [("drawbox", f"x={x}:y={y}:w={w}:h={h}:color=black:t=fill") for x, y, w, h in masks]
        pull = _make_chain(video.stream, steps)
        times: list[float] = []
        keyframe = keyframe_rule(config)
        with ClipWriter(out, config.game_qp) as game:
            for frame in decode_frames(video):
                times.append(float(frame.pts * frame.time_base))
                now = times[-1] - times[0]
                if now > stop_s:
                    times.pop()
                    break
                game.write(pull(frame), now, keyframe(now))
    return np.array(times) - times[0]


def _make_chain(stream: Any, steps: Sequence[tuple[str, str]]) -> Callable[[Any], Any]:
    import av

    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add_buffer(template=stream, time_base=stream.time_base)
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


def _consume_behind(frames: Iterable[Any], consume: Callable[[Any], None]) -> None:
    """Hand frames in order to a thread of its own, so that the next ones are decoded meanwhile; few wait at a time."""
    with ThreadPoolExecutor(max_workers=1) as behind:
        waiting: deque[Future[None]] = deque()
        for frame in frames:
            waiting.append(behind.submit(consume, frame))
            if len(waiting) >= _FRAMES_WAITING:
                waiting.popleft().result()
        for done in waiting:
            done.result()


def keyframe_rule(config: CropConfig) -> Callable[[float], bool]:
    """Return whether the frame at a time must be a keyframe: the first of each chunk and of each `keyframe_s`."""
    seen = [-1, -1]

    def rule(now: float) -> bool:
        # The slack is that of `ops.chunks.chunk_spans`: times are rounded to the container's clock.
        slots = [int((now + 1e-4) / config.chunk_s), int((now + 1e-4) / config.keyframe_s)]
        fresh = slots != seen
        seen[:] = slots
        return fresh

    return rule


class _SplitGraph:
    """decoder -> split -> (crop, scale) and (scale, paint): one picture in, two small ones out."""

    def __init__(self, stream: Any, region: Region, mask: list[int], config: CropConfig) -> None:
        import av

        graph = av.filter.Graph()
        graph.threads = 1
        source = graph.add_buffer(template=stream, time_base=stream.time_base)
        split = graph.add("split")
        crop = graph.add("crop", f"{region.width}:{region.height}:{region.left}:{region.top}:exact=1")
        pad_scale = graph.add("scale", f"{region.scaled_width}:{region.scaled_height}:flags=area")
        pad_format = graph.add("format", "yuv420p")
        view_scale = graph.add("scale", f"{config.game_size}:{config.game_size}:flags=area")
        view_format = graph.add("format", "yuv420p")
        paint = graph.add("drawbox", f"x={mask[0]}:y={mask[1]}:w={mask[2]}:h={mask[3]}:color=black:t=fill")
        self._sinks = (graph.add("buffersink"), graph.add("buffersink"))
        source.link_to(split)
        split.link_to(crop, output_idx=0)
        split.link_to(view_scale, output_idx=1)
        for chain in ((crop, pad_scale, pad_format, self._sinks[0]), (view_scale, view_format, paint, self._sinks[1])):
            for before, after in itertools.pairwise(chain):
                before.link_to(after)
        graph.configure()
        self._source, self._graph = source, graph

    def pull(self, frame: Any) -> tuple[Any, Any]:
        """Return the two pictures of a decoded frame."""
        self._source.push(frame)
        return self._sinks[0].pull(), self._sinks[1].pull()


class ClipWriter:
    """An H.264 file: equal pictures give equal bytes (one thread, no dates), no B-frames, keyframes as told."""

    def __init__(self, path: Path, quantizer: int) -> None:
        import av

        self._container = av.open(
            str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}
        )
        options = {
            "qp": str(quantizer), "preset": "ultrafast", "bf": "0", "g": "100000", "sc_threshold": "0",
            "forced-idr": "1", "threads": "1",
            "x264-params": "threads=1:lookahead_threads=1:sync-lookahead=0:rc-lookahead=0:mbtree=0",
        }  # fmt: skip
        self._stream: Any = self._container.add_stream("libx264", options=options)
        self._stream.codec_context.time_base = _TIME_BASE
        self._stream.codec_context.flags |= av.codec.context.Flags.bitexact
        self._key = av.video.frame.PictureType.I
        self._other = av.video.frame.PictureType.NONE
        self._last = -1

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def write(self, picture: Any, time_s: float, keyframe: bool) -> None:
        """Add a picture at a time."""
        if self._last < 0:
            self._stream.width, self._stream.height = picture.width, picture.height
            self._stream.pix_fmt = "yuv420p"
        picture.time_base = _TIME_BASE
        picture.pts = self._last = max(self._last + 1, round(time_s / _TIME_BASE))
        picture.pict_type = self._key if keyframe else self._other
        self._container.mux(self._stream.encode(picture))


def crop_data(report: CropReport, track: Track, template: Template, config: CropConfig) -> dict[str, Any]:
    """Return the facts of a crop that later stages and people read (JSON-able)."""
    return {
        "num_frames": report.num_frames,
        "gamepad": {"width": report.width, "height": report.height, "affine": report.affine},
        "game": {"width": config.game_size, "height": config.game_size, "masks": report.masks},
        "template_id": template.template_id,
        "family": template.family,
        "track": asdict(track),
    }
