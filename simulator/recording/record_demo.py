"""Record the demo's clips into `demo/clips`: `python -m simulator.recording.record_demo`; equal code gives equal bytes.

The clips stand for what a crawl finds: eight good ones on four channels, one without overlay, one cut short by a broken
download; one of the good ones has a variable rate, and one a long rest.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from ops.store.storage import to_json
from simulator.recording.record import RecordConfig, record

DEFAULT_OUT: Final = Path("demo/clips")
_GENRE: Final = "shooter"
#: As far as the files of a repository should grow; overlays in web videos look no better.
_CRF: Final = 36


@dataclass(frozen=True)
class DemoClip:
    """A clip of the demo.

    Attributes:
        config: how it is recorded.
        channel: who is said to have published it.
        title: as a site would show it.
        expected: outcome of the whole chain up to labels: `ok`, `rejected` (no overlay) or `failed` (unreadable).
        keep_share: the part of the file's bytes that is kept; below 1 the file is truncated.
    """

    config: RecordConfig
    channel: str
    title: str
    expected: str = "ok"
    keep_share: float = 1.0


def _clip(
    name: str, channel: str, title: str, seed: int, expected: str = "ok", keep_share: float = 1.0, **options: Any
) -> DemoClip:
    config = RecordConfig(name=name, seed=seed, crf=_CRF, **options)
    return DemoClip(config, channel, title, expected, keep_share)


#: Seeds lie far apart: a clip's episodes count on from its seed, and evaluations use small ones.
CLIPS: Final[tuple[DemoClip, ...]] = (
    _clip("gallery-01", "northwind", "Target practice, take one", 11_000, seconds=30,
          skin_id="xbox_one-flat-01", overlay_px=320, corner="bottom_left"),
    _clip("gallery-02", "northwind", "Target practice, take two", 12_000, seconds=30,
          skin_id="xbox_360-solid-01", overlay_px=380, corner="bottom_right", opacity=0.85),
    _clip("gallery-03", "sofa-marine", "The gallery at 60 Hz", 13_000, seconds=30, fps=60,
          skin_id="ps4-solid-02", overlay_px=300, corner="bottom_right"),
    _clip("gallery-04", "sofa-marine", "Shooting, then the phone rings", 14_000, seconds=38,
          skin_id="ps5-line-01", overlay_px=420, corner="top_left", rests=((19.5, 35.0),)),
    _clip("gallery-05", "red-hall", "Small pad, big demons", 15_000, seconds=30,
          skin_id="switch-solid-01", overlay_px=260, corner="bottom_right", opacity=0.75),
    _clip("gallery-06", "red-hall", "The gallery in full HD", 16_000, seconds=15, width=1920, height=1080,
          skin_id="xbox_series-flat-02", overlay_px=400, corner="bottom_left"),
    _clip("gallery-07", "late-shift", "One more round in the gallery", 17_000, seconds=26,
          skin_id="generic-solid-01", overlay_px=340, corner="top_left", opacity=0.9),
    _clip("gallery-08-variable", "late-shift", "Recorded on a slow laptop", 18_000, seconds=18, fps=60,
          skin_id="ps3-flat-01", overlay_px=240, corner="bottom_left", opacity=0.75, variable_rate=True),
    _clip("gallery-09-plain", "late-shift", "No pad today", 19_000, expected="rejected", seconds=10),
    _clip("gallery-10-truncated", "red-hall", "Broken upload", 20_000, expected="failed", keep_share=0.6, seconds=10,
          skin_id="xbox_one-line-01", overlay_px=300, corner="bottom_left"),
)  # fmt: skip


def record_clip(clip: DemoClip, out: Path) -> dict[str, Any]:
    """Record one clip into a folder and return its entry of `clips.json`."""
    with tempfile.TemporaryDirectory(prefix="overplay-demo-") as folder:
        recording = record(clip.config, Path(folder))
        data = (Path(folder) / recording.file).read_bytes()
        out.mkdir(parents=True, exist_ok=True)
        (out / recording.file).write_bytes(data[: int(len(data) * clip.keep_share)])
        (out / recording.truth).write_bytes((Path(folder) / recording.truth).read_bytes())
    facts = {key: value for key, value in asdict(recording).items() if key not in ("clean", "config")}
    return {**facts, "channel": clip.channel, "title": clip.title, "genre": _GENRE, "expected": clip.expected}


def record_clips(clips: Sequence[DemoClip], out: Path, num_jobs: int) -> None:
    """Record clips side by side and bring the folder's `clips.json` up to date, in the order of `CLIPS`."""
    index = out / "clips.json"
    entries = {entry["name"]: entry for entry in json.loads(index.read_text())} if index.exists() else {}
    with ProcessPoolExecutor(num_jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for entry in pool.map(record_clip, clips, [out] * len(clips)):
            entries[entry["name"]] = entry
            size_mib = (out / entry["file"]).stat().st_size / 2**20
            print(f"{entry['name']}: {entry['num_frames']} frames, {size_mib:.1f} MiB", flush=True)
            index.write_bytes(to_json([entries[clip.config.name] for clip in CLIPS if clip.config.name in entries]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator.recording.record_demo", description="Record the demo's clips."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="clips to record; all by default")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="clips recorded side by side")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - {clip.config.name for clip in CLIPS}
    if unknown:
        parser.error(f"no clip is called {', '.join(sorted(unknown))}")
    chosen = [clip for clip in CLIPS if not options.names or clip.config.name in options.names]
    record_clips(chosen, options.out, options.jobs)


if __name__ == "__main__":
    main()
