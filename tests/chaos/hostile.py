"""Hostile media: every kind of `tests.factories.media` and more, through the real stages, where no network is.

`run_isolated` writes the files and runs them in a network namespace that is empty. A
listener on loopback and a watch on a canary file tell whether any of them made a reader look elsewhere.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ops.crawl.ytdlp import CrawlOptions
from ops.media.readers import iter_frames, sample_frames
from ops.media.sandbox import Limits, SandboxError, call
from ops.outcomes import Outcome, reason_class
from ops.stages.videos import DownloadVideo
from ops.store.batch import Stage, Unit, run_batch
from ops.store.parallel import SerialMapper
from ops.store.storage import Store
from tests.factories.media import BAD, GOOD, make, make_damaged, write_clip

LIMITS = Limits(wall_s=20.0, cpu_s=6.0, memory_bytes=2 << 30)
#: Classes of reasons that an outcome may have; anything else is a surprise.
REASONS = {
    "",
    "empty",
    "not a video",
    "not a file",
    "playlist",
    "truncated",
    "damaged",
    "too large",
    "no video stream",
    "unsupported",
    "unreadable",
    "timeout",
    "cpu",
    "memory",
    "file size",
    "crash",
    "gone",
}
_IN_OPEN_OR_ACCESS = 0x00000020 | 0x00000001


def _png_packets(path: Path, size: tuple[int, int], count: int) -> Path:
    """Write a bomb: one picture that packs to nearly nothing, many times."""
    import av

    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("png", rate=30)
        stream.width, stream.height, stream.pix_fmt = *size, "rgb24"
        frame = av.VideoFrame.from_ndarray(np.zeros((size[1], size[0], 3), np.uint8), format="rgb24")
        packets = [*stream.encode(frame), *stream.encode(None)]
        data, time_base = bytes(packets[0]), packets[0].time_base
        for index in range(count):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts = stream, index, index
            packet.time_base, packet.is_keyframe = time_base, True
            container.mux(packet)
    return path


def _copied(
    path: Path, change: Callable[[int, Any], None], drop: Callable[[int, Any], bool] = lambda n, p: False
) -> Path:
    """Write a clip whose packets are changed or left out."""
    import av

    whole = write_clip(path.with_suffix(".whole.mkv"), options={"bf": "0", "preset": "ultrafast"})
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(packet for packet in source.demux(video=0) if packet.size):
            if not drop(number, packet):
                change(number, packet)
                packet.stream = stream
                target.mux(packet)
    whole.unlink()
    return path


def _shift(ticks: Callable[[int], int]) -> Callable[[int, Any], None]:
    def change(number: int, packet: Any) -> None:
        packet.pts = packet.dts = packet.pts + ticks(number)

    return change


def _reference(path: Path, canary: Path) -> Path:
    """Write an MP4 whose samples are said to lie in another file (a `url ` data reference)."""
    data = bytearray(write_clip(path).read_bytes())
    at = data.index(b"url ")  # version and flags follow: 1 says "in this file"
    data[at + 4 : at + 8] = struct.pack(">I", 0)
    path.write_bytes(bytes(data).replace(b"url \0\0\0\0", b"url \0\0\0\0") + canary.as_posix().encode())
    return path


def _patched(path: Path, box: bytes, offset: int, value: bytes) -> Path:
    """Write an MP4 with bytes of one box changed."""
    data = bytearray(write_clip(path).read_bytes())
    at = data.index(box) + 4 + offset
    data[at : at + len(value)] = value
    path.write_bytes(data)
    return path


def _text(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


def _twice(path: Path) -> Path:
    """Write an MPEG-TS whose clock starts again halfway."""
    path.write_bytes(write_clip(path).read_bytes() * 2)
    return path


def more_kinds(canary: Path, port: int) -> dict[str, tuple[str, Callable[[Path], Path]]]:
    """Return further kinds: file name, and how to write it. `canary` and `port` are what must not be looked at."""
    here, web = canary.as_posix(), f"http://127.0.0.1:{port}/x.ts"
    return {
        "m3u8_canary": ("list.mp4", lambda path: _text(path, f"#EXTM3U\n#EXTINF:1,\nfile://{here}\n#EXT-X-ENDLIST\n")),
        "m3u8_web": ("web.ts", lambda path: _text(path, f"#EXTM3U\n#EXTINF:1,\n{web}\n")),
        "m3u8_nested": ("nested.mkv", lambda path: _text(path, f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{web}8\n")),
        "dash": ("dash.mp4", lambda path: _text(path, f"<?xml version='1.0'?><MPD><BaseURL>{web}</BaseURL></MPD>")),
        "pls": ("list.avi", lambda path: _text(path, f"[playlist]\nFile1={web}\n")),
        "subfile": ("sub.mp4", lambda path: _text(path, f"subfile,,start,0,end,9,,:{here}\n")),
        "concat_name": ("concat:a.mp4|b.mp4", write_clip),
        "protocol_name": ("http:__127.0.0.1.mp4", write_clip),
        "control_name": ("a\tb\x07\x1b[31m.mp4", write_clip),
        "percent_name": ("%d%s%(id)s.mp4", write_clip),
        "dash_name": ("-i.mp4", write_clip),
        "data_reference": ("dref.mp4", lambda path: _reference(path, canary)),
        "fifo": ("pipe.mp4", _fifo),
        "link_to_text": ("link.mp4", lambda path: _link(path, path.parent / "text.mp4")),
        "fps_1000": ("fps1000.mp4", lambda path: write_clip(path, fps=1000, num_frames=200)),
        "timescale_0": ("scale0.mp4", lambda path: _patched(path, b"mdhd", 12, b"\0\0\0\0")),
        "duration_huge": ("dur.mp4", lambda path: _patched(path, b"mvhd", 16, b"\xff\xff\xff\xfe")),
        "samples_4e9": ("count.mp4", lambda path: _patched(path, b"stsz", 8, b"\xff\xff\xff\xff")),
        "negative_pts": ("negative.mkv", lambda path: _copied(path, _shift(lambda n: -500))),
        "jumping_pts": ("jump.mkv", lambda path: _copied(path, _shift(lambda n: 3_600_000 if n > 30 else 0))),
        "backward_pts": ("back.ts", lambda path: _twice(path)),
        "no_keyframes": ("nokey.mkv", lambda path: _copied(path, lambda n, p: None, lambda n, p: p.is_keyframe)),
        "holes": ("holes.mkv", lambda path: _copied(path, lambda n, p: None, lambda n, p: n % 7 == 3)),
        "interlaced": (
            "inter.mp4",
            lambda path: write_clip(path, codec="mpeg2video", options={"flags": "+ildct+ilme", "top": "1"}),
        ),
        "bomb_pixels": ("bomb.mov", lambda path: _png_packets(path, (8000, 4000), 300)),
        "bomb_over": ("over.mov", lambda path: _png_packets(path, (9000, 4000), 2)),
        "one_frame": ("still.mp4", lambda path: write_clip(path, num_frames=1)),
        "damaged": ("damaged.mp4", lambda path: make_damaged(path.parent)),
    }


@contextmanager
def listener() -> Iterator[tuple[int, list[str]]]:
    """Listen on loopback; give the port and a list that takes what connects."""
    import threading

    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    seen: list[str] = []
    stop = threading.Event()

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, address = server.accept()
            except TimeoutError:
                continue
            seen.append(str(address))
            connection.close()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1], seen
    finally:
        stop.set()
        thread.join()
        server.close()


@contextmanager
def watched(path: Path) -> Iterator[Callable[[], int]]:
    """Watch a file with inotify; give a function that returns the bytes of events of it being opened or read."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0 or libc.inotify_add_watch(descriptor, os.fsencode(path), _IN_OPEN_OR_ACCESS) < 0:
        raise OSError(ctypes.get_errno(), "inotify")

    def events() -> int:
        try:
            return len(os.read(descriptor, 1 << 16))
        except BlockingIOError:
            return 0

    try:
        yield events
    finally:
        os.close(descriptor)


def look_through(path: Path) -> int:
    """Return the number of frames of a file; runs in the sandbox."""
    sample_frames(path, 4, 64)
    return sum(1 for _ in iter_frames(path, 64))


def run_all(folder: Path) -> dict[str, Any]:
    """Write and run all kinds; return what became of each, and whether anything looked elsewhere."""
    canary = folder / "canary.txt"
    canary.write_text("a secret\n" * 200)
    media = folder / "media"
    media.mkdir()
    with listener() as (port, seen):
        kinds: dict[str, Callable[[], Path]] = {kind: lambda kind=kind: make(kind, media) for kind in (*GOOD, *BAD)}
        for kind, (name, write) in more_kinds(canary, port).items():
            kinds[kind] = lambda name=name, write=write: write(media / name)
        paths = {kind: write() for kind, write in kinds.items()}
        with watched(canary) as events:
            rows = [_outcome(kind, path, Store(str(folder / "store"))) for kind, path in paths.items()]
            num_events = events()
    return {"rows": rows, "connections": seen, "canary_event_bytes": num_events}


def _outcome(kind: str, path: Path, store: Store) -> dict[str, Any]:
    """Take one file through `raw/videos`, and where that is ok through reading all of it."""
    started = time.monotonic()
    unit = Unit(kind, Outcome.ok(title=kind))
    stage = Stage("raw/videos", "hostile")
    # A path, not a URI: names with percent signs and control characters must get through as they are.
    download = DownloadVideo(CrawlOptions(), {kind: str(path)})
    done = run_batch(store, stage, f"batch-{kind}", [unit], download, SerialMapper()).units[0]
    outcome, frames = done.outcome, 0
    if outcome.kind == "ok":
        try:
            frames = call(look_through, path, limits=LIMITS)
        except SandboxError as error:
            outcome = Outcome("failed", str(error))
        except Exception as error:
            outcome = Outcome.from_exception(error)
    return {
        "kind": kind,
        "outcome": outcome.kind,
        "class": reason_class(outcome.reason),
        "reason": outcome.reason,
        "frames": frames,
        "wall_s": round(time.monotonic() - started, 2),
        "traceback": outcome.error[-800:],
    }


def problems(report: dict[str, Any]) -> list[str]:
    """Return what is wrong with a report of `run_all`."""
    found = [
        f"{row['kind']}: {row['reason']!r} is no known class" for row in report["rows"] if row["class"] not in REASONS
    ]
    found += [f"{row['kind']}: took {row['wall_s']} s" for row in report["rows"] if row["wall_s"] > 2 * LIMITS.wall_s]
    if report["connections"]:
        found.append(f"something connected: {report['connections']}")
    if report["canary_event_bytes"]:
        found.append("something opened the canary file")
    return found


def run_isolated(folder: Path, timeout_s: float = 600) -> dict[str, Any]:
    """Return the report of a run in an empty network namespace.

    Raises:
        RuntimeError: namespaces cannot be made here, or the run failed.
    """
    prefix = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    script = 'ip link set lo up 2>/dev/null; exec "$@"'
    code = "import sys; from tests.chaos.hostile import main; main(sys.argv[1])"
    command = [*prefix, "sh", "-c", script, "sh", sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    if done.returncode:
        raise RuntimeError(f"hostile media: {done.stderr[-2000:] or 'no network namespace can be made here'}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main(folder: str) -> None:
    """Print the report of a run as JSON; in a module that is imported, since the sandbox takes nothing of scripts."""
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    if others:
        raise RuntimeError(f"not an empty network: {', '.join(others)}")
    print(json.dumps(run_all(Path(folder))))
