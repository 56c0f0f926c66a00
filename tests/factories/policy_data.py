"""A toy dataset in which the picture tells the action: a red block's place is the left stick, centred means fire.

Written through the real chunk and shard code, into any store.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ops.dataset.chunks import Chunk, ChunkConfig, build_chunks, chunk_spans, split_of
from ops.dataset.shards import ShardConfig, build_shards
from ops.gamepad import DATASET, PadTrace
from ops.outcomes import Outcome
from ops.store.batch import Unit
from ops.store.layout import manifest_key
from ops.store.storage import Store
from ops.store.tables import trace_to_table

SIDE_PX = 256


def make_trace(num_frames: int, fps: float, seed: int) -> tuple[PadTrace, np.ndarray]:
    """Return (labels, x of the block in [0, 1] per frame): a smooth walk; a stick that shows where the block is."""
    rng = np.random.default_rng(seed)
    seconds = np.arange(num_frames) / fps
    phases, rates = rng.uniform(0, 2 * np.pi, 3), rng.uniform(0.15, 0.9, 3)
    walk = np.mean([np.sin(2 * np.pi * rate * seconds + phase) for rate, phase in zip(rates, phases, strict=True)], 0)
    x = 0.5 + 0.45 * walk / np.abs(walk).max()
    buttons = np.zeros((num_frames, DATASET.num_buttons), np.float32)
    buttons[:, DATASET.index("south")] = np.abs(x - 0.5) < 0.1
    buttons[:, DATASET.index("guide")] = np.nan  # not drawn by this skin
    sticks = np.zeros((num_frames, 4), np.float32)
    sticks[:, 0] = 2 * x - 1
    return PadTrace.known(seconds, buttons, sticks), x


def draw_frames(x: np.ndarray, seed: int, block_px: int = 16) -> np.ndarray:
    """Return (num_frames, 256, 256, 3) uint8: soft random scenery that changes all the time, and the block."""
    import cv2

    rng = np.random.default_rng(seed)
    frames = np.empty((len(x), SIDE_PX, SIDE_PX, 3), np.uint8)
    for index, place in enumerate(x):
        if index % 6 == 0:
            scenery = (rng.integers(0, 130, (6, 6, 1)) + rng.integers(0, 30, (6, 6, 3))).astype(np.uint8)
            backdrop = cv2.resize(scenery, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR)
            top = int(rng.integers(90, 160))
        frames[index] = backdrop
        left = round(place * (SIDE_PX - block_px))
        frames[index, top : top + block_px, left : left + block_px] = (210, 60, 60)
    return frames


def write_clip(path: Path, frames: np.ndarray, pts_s: np.ndarray, chunk_s: float) -> None:
    """Write a game clip as the crop stage does: H.264, no B-frames, keyframes at chunk starts."""
    from fractions import Fraction

    import av

    starts = {span.start_frame for span in chunk_spans(pts_s, chunk_s)}
    with av.open(str(path), "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=30, options={"bf": "0", "g": "30", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.time_base = Fraction(1, 90_000)
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(pts_s[index] * 90_000), Fraction(1, 90_000)
            if index in starts:
                frame.pict_type = av.video.frame.PictureType.I
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_units(store: Store, batch: str, video_ids: list[str], made_from: str) -> None:
    """Write the manifests of the stages before the dataset, which say that each video is ok."""
    units: dict[str, list[Unit]] = {"raw/videos": [], "overlay/crops": [], "labels/actions": []}
    for number, video_id in enumerate(video_ids):
        about = Outcome.ok(channel=f"channel-{number % 3}", game="toy")
        crop = Outcome.ok(family="generic", template_id="toy", game={"width": SIDE_PX, "height": SIDE_PX, "masks": []})
        for asset, outcome in zip(units, (about, crop, Outcome.ok()), strict=True):
            units[asset].append(Unit(video_id, outcome, fingerprint=f"{made_from}-{number}"))
    for asset, made in units.items():
        records = [unit.to_record() for unit in made]
        store.write_json(manifest_key(asset, batch), {"stage": asset, "units": records})


def write_labels(store: Store, batch: str, video_ids: list[str], seconds: float, fps: float = 30.0) -> None:
    """Write labels of toy videos, without the videos."""
    for number, video_id in enumerate(video_ids):
        trace, _ = make_trace(round(seconds * fps), fps, number)
        store.write_table(f"labels/actions/{batch}/{video_id}/actions.parquet", trace_to_table(trace))
    write_units(store, batch, video_ids, f"toy-{seconds}-{fps}")


def write_videos(
    store: Store, batch: str, video_ids: list[str], seconds: float = 8.0, fps: float = 30.0, chunk_s: float = 20.0
) -> None:
    """Write labelled, cropped toy videos as the stages before the dataset would leave them."""
    write_labels(store, batch, video_ids, seconds, fps)
    for number, video_id in enumerate(video_ids):
        trace, x = make_trace(round(seconds * fps), fps, number)
        with store.writing(f"overlay/crops/{batch}/{video_id}/game.mp4") as path:
            write_clip(path, draw_frames(x, number), trace.pts_s, chunk_s)


def make_chunk(number: int, num_frames: int = 1) -> Chunk:
    """Return the row of a kept chunk; rows differ by their number."""
    times = {"start_s": 0.0, "stop_s": 1.0, "start_frame": 0, "stop_frame": num_frames, "num_frames": num_frames}
    facts = {"video_id": "v", "channel": "", "game": "", "split": "train", "kept": True, "reason": ""}
    return Chunk(chunk_id=f"v_chunk_{number:04d}", density=1.0, confidence=1.0, **times, **facts)


def make_dataset(
    store: Store,
    num_train: int = 3,
    num_val: int = 1,
    seconds: float = 8.0,
    chunk_s: float = 4.0,
    batch: str = "batch-000001",
    max_shard_bytes: int = 2**20,
) -> str:
    """Write a toy dataset of shards; return its batch."""
    config = ChunkConfig(chunk_s=chunk_s, min_chunk_s=1.0, min_density=0.0, held_out=0.3, split_by="video")
    names = [f"toy{number:03d}" for number in range(10 * (num_train + num_val))]
    sides = {side: [name for name in names if split_of("", name, config) == side] for side in ("train", "val")}
    write_videos(store, batch, sides["train"][:num_train] + sides["val"][:num_val], seconds, chunk_s=chunk_s)
    build_chunks(store, batch, config)
    build_shards(store, batch, ShardConfig(max_shard_bytes))
    return batch
