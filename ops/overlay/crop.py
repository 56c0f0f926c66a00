"""One decode pass over a video writes two small clips: the overlay's crop for the parser and the masked game view.

The decoder's pictures go once through a filter graph that splits them. swscale does the resizing, so no full frame
ever becomes an array. Frame i of both clips and row i of `frames.parquet` are the source's i-th frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ops.media.clip_writer import ClipWriter
from ops.media.damage import DamageWatch
from ops.media.video import decode_frames, open_video
from ops.overlay.tracks import Track
from ops.overlay.views import SAME_TIME_S, Region, Views, make_chain, view_steps
from ops.skins.template import Template
from ops.store.layout import GAME_CLIP, GAMEPAD_CLIP

#: Changes when the same video and tracks would give other clips.
VERSION: Final = "4"

#: Decoded frames that wait for the encoder at most; a 1080p one takes 3 MB.
_FRAMES_WAITING: Final = 8
#: A span that ends this near the last frame ends with the video: headers tell durations roughly.
_END_S: Final = 0.1
#: The gamepad clip has a keyframe at every so many frames, so that a reader can begin near any of them.
_GAMEPAD_KEYFRAME: Final = 120
#: Least side of a region and of a clip in pixels, one macroblock of H.264.
_LEAST_SIDE_PX: Final = 16
#: Affines are kept to so many digits.
_DIGITS: Final = 6


#: Smaller clips show nothing that could be read, in pixels. Not measured.
LEAST_SIDE_PX = 32


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

    def __post_init__(self) -> None:
        for name in ("gamepad_width", "game_size"):
            if getattr(self, name) < LEAST_SIDE_PX:
                raise ValueError(f"{name} must be at least {LEAST_SIDE_PX} pixels, got {getattr(self, name)}")


class CropSpan(NamedTuple):
    """Frames [start, stop) of a video whose overlay stands still in the gamepad clip.

    Attributes:
        start: first frame.
        stop: first frame after.
        template_id: of the overlay.
        family: of the template.
        affine: (2, 3) nested, template pixels to pixels of the clip.
    """

    start: int
    stop: int
    template_id: str
    family: str
    affine: list[list[float]]


@dataclass(frozen=True)
class CropReport:
    """What a crop pass wrote.

    Attributes:
        num_frames: frames in each clip.
        width: of the gamepad clip.
        height: of the gamepad clip.
        spans: where the overlay is in the gamepad clip; outside of them it shows none.
        masks: painted boxes x, y, w, h in pixels of the game view.
        pts_s: presentation time of each frame, as a player counts: 0 is where the first of the file's streams begins.
        damaged: half-open spans (start, stop) of frames that show damage which the decoder concealed.
    """

    num_frames: int
    width: int
    height: int
    spans: list[CropSpan]
    masks: list[list[int]]
    pts_s: npt.NDArray[np.float64]
    damaged: list[tuple[int, int]] = field(default_factory=list)


def overlay_region(
    template: Template, affine: npt.NDArray[np.float64], size: tuple[int, int], config: CropConfig
) -> Region:
    """Return the part of a picture of `size` (width, height) that the parser needs: the skin's canvas and a margin."""
    left, top = affine[:, 2]
    right, bottom = affine[:, :2] @ (template.width, template.height) + affine[:, 2]
    pad = config.margin * (right - left)
    x0 = int(np.clip(left - pad, 0, size[0] - _LEAST_SIDE_PX)) // 2 * 2
    y0 = int(np.clip(top - pad, 0, size[1] - _LEAST_SIDE_PX)) // 2 * 2
    x1 = min(size[0], int(np.ceil((right + pad) / 2)) * 2)
    y1 = min(size[1], int(np.ceil((bottom + pad) / 2)) * 2)
    width, height = (max(_LEAST_SIDE_PX, length // 2 * 2) for length in (x1 - x0, y1 - y0))
    scale = min(1.0, config.gamepad_width / width)
    scaled_width, scaled_height = (max(_LEAST_SIDE_PX, round(side * scale / 2) * 2) for side in (width, height))
    return Region(x0, y0, width, height, scaled_width, scaled_height)


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


def crop_video(
    path: Path, folder: Path, tracks: Sequence[Track], templates: Mapping[str, Template], config: CropConfig
) -> CropReport:
    """Write `gamepad.mp4` and `game.mp4` of a video into a folder. Meant to run inside `ops.media.sandbox.call`.

    The gamepad clip follows overlay 0 from place to place, in one size; the boxes of all overlays are painted over
    in the game view, all the time.

    Raises:
        BadInputError: the video cannot be read.
        ValueError: no track is of overlay 0.
    """
    read = sorted((track for track in tracks if track.overlay == 0), key=lambda track: track.start_s)
    if not read:
        raise ValueError("expected a track of overlay 0, got none")
    with open_video(path) as video:
        size = video.size
        regions = [overlay_region(templates[t.template_id], np.array(t.affine), size, config) for t in read]
        masks = [mask_box(templates[t.template_id], np.array(t.affine), size, config) for t in tracks]
        views = Views(video, read, regions, masks, config.game_size)
        times: list[float] = []
        ticks: list[int] = []
        watch = DamageWatch()
        keyframe = keyframe_rule(config)
        with (
            ClipWriter(folder / GAMEPAD_CLIP, config.gamepad_qp) as gamepad,
            ClipWriter(folder / GAME_CLIP, config.game_qp) as game,
        ):

            def write(frame: Any) -> None:
                times.append(float(frame.pts * frame.time_base))
                ticks.append(frame.pts)
                now = times[-1] - times[0]
                pad_view, game_view = views.pull(frame, now)
                gamepad.write(pad_view, now, len(times) % _GAMEPAD_KEYFRAME == 1)
                game.write(game_view, now, keyframe(now))

            _consume_behind(decode_frames(video, watch), write)
        start_s = times[0] - video.zero_s
        start_s = start_s if start_s > SAME_TIME_S else 0.0  # headers round to microseconds
    since_first_s = np.array(times) - times[0]
    spans = [_crop_span(track, region, since_first_s) for track, region in zip(read, regions, strict=True)]
    return CropReport(
        num_frames=len(times),
        width=views.size[0],
        height=views.size[1],
        spans=[span for span in spans if span.start < span.stop],
        masks=masks,
        pts_s=since_first_s + start_s,
        damaged=watch.damaged_rows(ticks),
    )


def _crop_span(track: Track, region: Region, since_first_s: npt.NDArray[np.float64]) -> CropSpan:
    affine = np.array(track.affine)
    affine[:, 2] -= (region.left, region.top)
    affine *= [[region.scaled_width / region.width], [region.scaled_height / region.height]]
    # The last frame may be later than the header's duration says.
    stop_s = np.inf if track.stop_s > since_first_s[-1] - _END_S else track.stop_s
    start, stop = np.searchsorted(since_first_s, [track.start_s - SAME_TIME_S, stop_s - SAME_TIME_S]).tolist()
    rows = [[round(float(value), _DIGITS) for value in row] for row in affine]
    return CropSpan(start, stop, track.template_id, track.family, rows)


def write_game_view(
    path: Path, out: Path, area: Sequence[float], masks: Sequence[Sequence[int]], config: CropConfig, stop_s: float
) -> npt.NDArray[np.float64]:
    """Write the masked game view of a video whose overlay's place is known; return the times of its frames.

    Meant to run inside `ops.media.sandbox.call`.

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
    with open_video(path) as video:
        width, height = video.size
        left, top = int(area[0] * width) // 2 * 2, int(area[1] * height) // 2 * 2
        wide, high = int((area[2] - area[0]) * width) // 2 * 2, int((area[3] - area[1]) * height) // 2 * 2
        steps = [("crop", f"{wide}:{high}:{left}:{top}:exact=1")] if (wide, high) != (width, height) else []
        pull = make_chain(video, steps + view_steps(masks, config.game_size))
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
        slots = [int((now + SAME_TIME_S) / length_s) for length_s in (config.chunk_s, config.keyframe_s)]
        fresh = slots != seen
        seen[:] = slots
        return fresh

    return rule


def crop_data(report: CropReport, tracks: Sequence[Track], config: CropConfig) -> dict[str, Any]:
    """Return the facts of a crop that later stages and people read (JSON-able)."""
    longest = max(report.spans, key=lambda span: span.stop - span.start)
    return {
        "num_frames": report.num_frames,
        "gamepad": {
            "width": report.width,
            "height": report.height,
            "spans": [span._asdict() for span in report.spans],
        },
        "game": {"width": config.game_size, "height": config.game_size, "masks": report.masks},
        "template_id": longest.template_id,
        "family": longest.family,
        **damage_facts(report),
        "tracks": [asdict(track) for track in tracks],
    }


def damage_facts(report: CropReport) -> dict[str, Any]:
    """Return what reports say of damage: how many frames show it, and their half-open spans (JSON-able)."""
    return {
        "num_damaged_frames": sum(stop - start for start, stop in report.damaged),
        "damaged": [list(span) for span in report.damaged],
    }
