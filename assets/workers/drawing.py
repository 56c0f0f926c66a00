"""Pictures of a store's units that let a person check them: shared by asset previews and the demo's report.

Media are opened in the sandbox; workers and the report import this module, so it does not know Dagster.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ops.drawing.charts import stick_traces
from ops.drawing.pictures import Picture, beside, caption, draw_box, fit_width, grid, pad_panel
from ops.gamepad import PadTrace
from ops.media.limits import PICTURE_LIMITS
from ops.media.sandbox import call
from ops.store.batch import Unit
from ops.store.layout import ACTION_TABLE, CROPS, GAME_CLIP, GAMEPAD_CLIP, VIDEOS, unit_key
from ops.store.storage import Store
from ops.store.tables import table_to_trace

#: Longest stretch of stick traces in one picture: beyond it lines run into each other.
_TRACE_S = 20.0
_FRAME_PX = 640


def read_frames(store: Store, key: str, count: int) -> list[tuple[float, Picture]]:
    """Return (seconds, picture) of some frames spread over a stored video."""
    from ops.media.readers import sample_frames

    with store.reading(key) as path:
        frames: list[tuple[float, Picture]] = call(sample_frames, Path(path), count, limits=PICTURE_LIMITS)
    return frames


def find_ok(units: Sequence[Unit], count: int) -> list[Unit]:
    """Return the first ok units."""
    return [unit for unit in units if unit.outcome.kind == "ok"][:count]


def has_source(store: Store, batch: str, video: Unit) -> bool:
    """Return whether a video's source is there; it may have been removed once its crops were made."""
    name = video.outcome.data.get("path")
    return name is not None and store.exists(unit_key(VIDEOS, batch, video.video_id, name))


def draw_location(store: Store, batch: str, video: Unit, location: Unit) -> Picture:
    """Return a frame of a video with each found box, its template, score and span of time."""
    ((_, frame),) = read_frames(store, f"{VIDEOS}/{batch}/{video.video_id}/{video.outcome.data['path']}", 1)
    drawn, scale = fit_width(frame, _FRAME_PX), _FRAME_PX / frame.shape[1]
    for track in location.outcome.data["tracks"]:
        span = f"{track['start_s']:.1f} to {track['stop_s']:.1f} s"
        label = f"{track['template_id']}  {span}  {track['inliers']} inliers  score {track['score']:.2f}"
        drawn = draw_box(drawn, [value * scale for value in track["box"]], label, _FRAME_PX)
    return caption(drawn, video.video_id)


def draw_crops(store: Store, batch: str, crop: Unit) -> Picture:
    """Return the rectified gamepad beside the masked game view."""
    folder = f"{CROPS}/{batch}/{crop.video_id}"
    ((_, gamepad),) = read_frames(store, f"{folder}/{GAMEPAD_CLIP}", 1)
    ((_, game),) = read_frames(store, f"{folder}/{GAME_CLIP}", 1)
    return caption(beside(gamepad, game), crop.video_id)


def read_trace(store: Store, asset: str, batch: str, video_id: str) -> PadTrace:
    """Return the labels of a video."""
    return table_to_trace(store.read_table(unit_key(asset, batch, video_id, ACTION_TABLE)))


def draw_states(store: Store, batch: str, video_id: str, trace: PadTrace, count: int = 3) -> Picture:
    """Return frames of a gamepad crop, each beside the state that was read from it."""
    pictures = []
    for pts_s, crop in read_frames(store, unit_key(CROPS, batch, video_id, GAMEPAD_CLIP), count):
        row = int(np.abs(trace.pts_s - trace.pts_s[0] - pts_s).argmin())
        panel = pad_panel(trace.buttons[row], trace.sticks[row], 240)
        pictures.append(caption(beside(fit_width(crop, 240), panel), f"{video_id} at {pts_s:.2f} s"))
    return grid(pictures, 2)


def draw_traces(trace: PadTrace, truth: PadTrace | None = None) -> Picture:
    """Return the sticks over the first stretch of a video, with the truth where it is known."""
    rows = slice(0, int(np.searchsorted(trace.pts_s, trace.pts_s[0] + _TRACE_S)))
    part = trace[rows]
    shown = None
    if truth is not None:
        nearest = np.searchsorted(truth.pts_s - truth.pts_s[0], part.pts_s - part.pts_s[0])
        shown = truth.sticks[np.clip(nearest, 0, truth.num_frames - 1)]
    return stick_traces(part.pts_s - part.pts_s[0], part.sticks, shown)


def draw_changes(
    store: Store, first: str, second: str, worst: Sequence[tuple[str, str, int, tuple[str, ...]]]
) -> Picture:
    """Return frames in which two generations of labels differ: the crop, what the first says, what the second says."""
    from ops.labels.generations import read_kept

    pictures = []
    for batch, video_id, row, controls in worst:
        old, new = (read_kept(store, generation, batch, video_id) for generation in (first, second))
        with store.reading(unit_key(CROPS, batch, video_id, GAMEPAD_CLIP)) as path:
            crop = call(_frame_at, Path(path), row, limits=PICTURE_LIMITS)
        panels = [pad_panel(trace.buttons[row], trace.sticks[row], 240) for trace in (old, new)]
        text = f"{video_id} at {old.pts_s[row]:.2f} s: {', '.join(controls)}"
        pictures.append(caption(beside(beside(fit_width(crop, 240), panels[0]), panels[1]), text))
    return grid(pictures, 1)


def _frame_at(path: Path, row: int) -> Picture:
    """Return one frame of one of our clips; runs in the sandbox."""
    from ops.media.readers import iter_frames

    return next(frame for number, (_, frame) in enumerate(iter_frames(path)) if number == row)
