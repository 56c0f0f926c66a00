"""Tiny clips of every kind that readers meet, made by PyAV; each frame carries its index as black and white bars.

`write_clip` makes one clip from parameters, `GOOD` and `BAD` name the kinds, and `make` writes one of them.
"""

import random
import struct
import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from ops.media.probe import PtsFacts, VideoProbe

NUM_BARS = 10  # indexes up to 1023
TIME_BASE = Fraction(1, 90_000)


def draw_index(index: int, width: int, height: int) -> np.ndarray:
    """Return (height, width, 3) uint8: bars that spell the index over a slowly moving gradient."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    frame = np.stack([(x + index) % 256, y % 256, (x + y) % 256], axis=-1).astype(np.uint8)
    edges = np.linspace(0, width, NUM_BARS + 1).astype(int)
    for bit in range(NUM_BARS):
        frame[: height // 2, edges[bit] : edges[bit + 1]] = 235 if index >> bit & 1 else 16
    return frame


def read_index(frame: np.ndarray) -> int:
    """Return the index that `draw_index` wrote, from a frame of any size."""
    height, width = frame.shape[:2]
    edges = np.linspace(0, width, NUM_BARS + 1).astype(int)
    index = 0
    for bit in range(NUM_BARS):
        quarter = max(1, (edges[bit + 1] - edges[bit]) // 4)
        block = frame[height // 8 : height // 2 - height // 8, edges[bit] + quarter : edges[bit + 1] - quarter]
        index |= int(block.mean() > 128) << bit
    return index


def write_clip(
    path: Path,
    *,
    codec: str = "libx264",
    width: int = 160,
    height: int = 96,
    fps: int = 30,
    num_frames: int = 60,
    gop: int = 12,
    pts_s: Sequence[float] | None = None,
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    format_name: str | None = None,
    num_video_streams: int = 1,
    audio_s: float = 0.0,
    quarter_turns: int = 0,
    pixel_aspect: Fraction | None = None,
) -> Path:
    """Write a clip and return its path; frame k is `draw_index(k)` at `pts_s[k]`, by default k / fps.

    Pictures are stored turned counter-clockwise so many times, and the header says the shape of their pixels.
    """
    import av

    times = [k / fps for k in range(num_frames)] if pts_s is None else list(pts_s)
    with av.open(str(path), "w", format=format_name, options=container_options or {}) as container:
        streams = []
        for _ in range(num_video_streams):
            stream = container.add_stream(codec, rate=fps)
            stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
            if quarter_turns % 2:
                stream.width, stream.height = height, width
            if pixel_aspect is not None:
                stream.codec_context.sample_aspect_ratio = pixel_aspect
            # AVI and MPEG-4 count frames; the others take times as fine as they are given.
            stream.codec_context.time_base = Fraction(1, fps) if pts_s is None else TIME_BASE
            stream.codec_context.gop_size = gop
            stream.codec_context.thread_count = 1
            stream.codec_context.options = options if options is not None else _quick(codec)
            streams.append(stream)
        sound = container.add_stream("aac", rate=8000) if audio_s else None
        for index, time_s in enumerate(times):
            for stream in streams:
                picture = np.ascontiguousarray(np.rot90(draw_index(index, width, height), quarter_turns))
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.time_base = stream.codec_context.time_base
                frame.pts = round(time_s / frame.time_base)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
        if sound is not None:
            _write_silence(container, sound, audio_s)
    return path


def _quick(codec: str) -> dict[str, str]:
    return {
        "libx264": {"preset": "veryfast", "bf": "2", "threads": "1"},
        "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=1"},
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
        "libsvtav1": {"preset": "12", "svtav1-params": "lp=1"},
    }.get(codec, {})


def _write_silence(container, stream, seconds: float) -> None:
    import av

    for start in range(0, int(seconds * 8000), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, start, Fraction(1, 8000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _vfr(path: Path) -> Path:
    rng = random.Random(0)
    times = np.cumsum([0.0] + [rng.choice([1 / 60, 1 / 30, 1 / 20, 0.25]) for _ in range(47)])
    return write_clip(path, pts_s=times.tolist())


def write_turned(path: Path, quarter_turns: int) -> Path:
    """Write a clip that is stored turned, and whose track header asks players to turn it back."""
    data = bytearray(write_clip(path, quarter_turns=quarter_turns).read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    cos, sin = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarter_turns % 4]
    data[at : at + 36] = struct.pack(">9i", cos << 16, sin << 16, 0, -sin << 16, cos << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


def _rotated(path: Path) -> Path:
    return write_turned(path, 1)


def _cut(path: Path, share: float, **options) -> Path:
    data = write_clip(path, **options).read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def _promise(path: Path, seconds: float) -> Path:
    """Write a clip whose header promises a much longer film than there is."""
    data = bytearray(write_clip(path).read_bytes())
    at = data.index(b"\x44\x89\x88") + 3  # Matroska's Duration, a double in milliseconds
    struct.pack_into(">d", data, at, seconds * 1000)
    path.write_bytes(data)
    return path


def _flip_bits(path: Path) -> Path:
    """Write a clip in whose payload many bits are wrong."""
    data = bytearray(write_clip(path).read_bytes())
    start = data.index(b"mdat") + 8
    stop = data.index(b"moov") - 4
    rng = random.Random(0)
    for _ in range((stop - start) // 40):
        data[rng.randrange(start, stop)] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return path


def _text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _png(path: Path) -> Path:
    body = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(body)) + b"IHDR" + body + struct.pack(">I", zlib.crc32(b"IHDR" + body))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    return path


def _joined(path: Path) -> Path:
    """Write a transport stream in whose middle another programme begins."""
    first = write_clip(path, num_frames=240).read_bytes()
    other = {
        "tables_version": "5",
        "mpegts_service_id": "7",
        "mpegts_pmt_start_pid": "0x1200",
        "mpegts_start_pid": "768",
    }
    path.write_bytes(first + write_clip(path, container_options=other).read_bytes())
    return path


_FASTSTART = {"movflags": "+faststart"}

#: Kinds that can be read: file name and how to write it. Each has 60 frames at 30 Hz, but for `vfr` (48 frames).
GOOD: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "h264": ("h264.mp4", write_clip),
    "h264_faststart": ("faststart.mp4", lambda path: write_clip(path, container_options=_FASTSTART)),
    "h264_fragments": (
        "fragments.mp4",
        lambda path: write_clip(path, container_options={"movflags": "frag_keyframe+empty_moov"}),
    ),
    "h264_sound": ("sound.mp4", lambda path: write_clip(path, audio_s=2.5)),
    "h264_mkv": ("h264.mkv", write_clip),
    "h264_ts": ("h264.ts", write_clip),
    "h264_flv": ("h264.flv", write_clip),
    "h264_10bit": ("ten.mp4", lambda path: write_clip(path, pix_fmt="yuv420p10le")),
    "mpeg4_avi": ("mpeg4.avi", lambda path: write_clip(path, codec="mpeg4", options={})),
    "hevc": ("hevc.mp4", lambda path: write_clip(path, codec="libx265")),
    "vp9": ("vp9.webm", lambda path: write_clip(path, codec="libvpx-vp9")),
    "av1": ("av1.mp4", lambda path: write_clip(path, codec="libsvtav1")),
    "vfr": ("vfr.mp4", _vfr),
    "rotated": ("rotated.mp4", _rotated),
    "two_videos": ("two.mp4", lambda path: write_clip(path, num_video_streams=2)),
    "odd_name": ("concat:a|b\n#é.mp4", write_clip),
    "wrong_extension": ("video.m3u8", lambda path: write_clip(path, format_name="mp4")),
}

#: Kinds that cannot: file name, how to write it, and the class of the reason (up to the colon).
BAD: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "zero_bytes": ("zero.mp4", lambda path: _text(path, ""), "empty"),
    "text": ("text.mp4", lambda path: _text(path, "this is no video\n" * 99), "not a video"),
    "picture": ("picture.mp4", _png, "not a video"),
    "truncated_no_index": ("cut.mp4", lambda path: _cut(path, 0.6), "truncated"),
    "truncated_faststart": (
        "cutfast.mp4",
        lambda path: _cut(path, 0.6, container_options=_FASTSTART),
        "truncated",
    ),
    "truncated_late": ("cutlate.mp4", lambda path: _cut(path, 0.98, container_options=_FASTSTART), "truncated"),
    "truncated_mkv": ("cut.mkv", lambda path: _cut(path, 0.4, num_frames=120), "truncated"),
    "truncated_header": ("cuthead.mkv", lambda path: _cut(path, 0.01), "truncated"),
    "long_header": ("long.mkv", lambda path: _promise(path, 7200.0), "truncated"),
    "endless_header": ("endless.mkv", lambda path: _promise(path, 1e7), "too large"),
    "audio_only": ("audio.mp4", lambda path: write_clip(path, num_video_streams=0, audio_s=1.0), "no video stream"),
    "hls_playlist": (
        "hls.mp4",
        lambda path: _text(path, "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/secret.ts\n"),
        "playlist",
    ),
    "concat_list": ("concat.mp4", lambda path: _text(path, "ffconcat version 1.0\nfile /etc/passwd\n"), "playlist"),
    "sdp": ("sdp.mp4", lambda path: _text(path, "v=0\no=- 0 0 IN IP4 127.0.0.1\n"), "not a video"),
    "late_stream": ("late.ts", _joined, "unsupported"),
    "wide": (
        "wide.webm",
        lambda path: write_clip(path, codec="libvpx-vp9", width=20_000, height=64, num_frames=1),
        "too large",
    ),
}


def make(kind: str, folder: Path) -> Path:
    """Write a clip of a kind that `GOOD` or `BAD` names into a folder and return its path."""
    name, write = (GOOD.get(kind) or BAD[kind])[:2]
    return write(folder / name)


def make_damaged(folder: Path) -> Path:
    """Write a clip with many wrong bits: readers may give fewer frames or refuse it, within their limits."""
    return _flip_bits(folder / "damaged.mp4")


def probed(num_frames: int, fps: float, width: int, height: int) -> VideoProbe:
    """Return what a probe says of an H.264 file of a constant rate."""
    step_s = 1 / fps
    return VideoProbe(
        codec="h264",
        width=width,
        height=height,
        duration_s=num_frames * step_s,
        num_frames=num_frames,
        fps_mean=fps,
        vfr=False,
        pts=PtsFacts(0.0, step_s, step_s, step_s, 0, 0),
        rotation=0,
        pix_fmt="yuv420p",
        size_bytes=1,
        container="mov",
        num_video_streams=1,
    )
