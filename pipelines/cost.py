"""What labelling so many hours costs: core-hours, GPU-hours, bytes and days, from rates with their spread.

Rates are measured by `overplay cost --measure` on the machine it runs on, from the demo's clips, and kept in the store.
"""

import os
import resource
import statistics
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ops.store.layout import GAME_CLIP, GAMEPAD_CLIP

RATES_KEY: Final = "cost/rates.json"
_HOUR_S: Final = 3600.0


@dataclass(frozen=True)
class Rate:
    """A measured figure: median, and the lowest and highest of all trials."""

    median: float
    low: float
    high: float

    def times(self, factor: float) -> "Rate":
        """Return the figure multiplied."""
        return Rate(self.median * factor, self.low * factor, self.high * factor)

    def plus(self, other: "Rate") -> "Rate":
        """Return the sum of two figures, their spreads added."""
        return Rate(self.median + other.median, self.low + other.low, self.high + other.high)


@dataclass(frozen=True)
class Rates:
    """What one machine was measured to do.

    Attributes:
        locate_core_s: CPU seconds to look for an overlay in one video.
        crop_core_s: CPU seconds of the crop pass per frame, decoding included.
        read_core_s: CPU seconds per frame of reading and refining labels, and of the delay.
        crop_bytes: of both small clips per frame.
        label_bytes: of raw and refined labels per frame.
    """

    locate_core_s: Rate
    crop_core_s: Rate
    read_core_s: Rate
    crop_bytes: Rate
    label_bytes: Rate

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Rates":
        """Return the rates that `asdict` gave."""
        return cls(**{name: Rate(**values) for name, values in record.items()})


@dataclass(frozen=True)
class Fleet:
    """What shall do the work.

    Attributes:
        nodes: machines.
        cores: of each.
        gpus: of each; with any, labels are read there.
        gpu_frames_per_s: that one GPU reads; no rate of this machine, so it must be given or is NVIDIA's budget figure.
        keep_raw: whether downloads stay.
        source_bytes_per_s: of the videos, 6 Mbit/s by default.
        hours_per_video: mean length.
    """

    nodes: int = 1
    cores: int = 16
    gpus: int = 0
    gpu_frames_per_s: float = 3170.0
    keep_raw: bool = False
    source_bytes_per_s: float = 750_000.0
    hours_per_video: float = 1.83


def estimate(hours: float, fps: float, fleet: Fleet, rates: Rates) -> list[dict[str, Any]]:
    """Return a row per figure with median, lowest and highest.

    Raises:
        ValueError: an amount is not above 0.
    """
    if min(hours, fps, fleet.nodes, fleet.cores, fleet.hours_per_video) <= 0:
        raise ValueError("cost: expected hours, fps, nodes, cores and hours per video above 0")
    frames, videos = hours * _HOUR_S * fps, hours / fleet.hours_per_video
    locate = rates.locate_core_s.times(videos / _HOUR_S)
    crop = rates.crop_core_s.times(frames / _HOUR_S)
    read = rates.read_core_s.times(0.0 if fleet.gpus else frames / _HOUR_S)
    gpu_hours = frames / fleet.gpu_frames_per_s / _HOUR_S if fleet.gpus else 0.0
    cores = locate.plus(crop).plus(read)
    days = cores.times(1 / (fleet.nodes * fleet.cores * 24))
    gpu_days = gpu_hours / (fleet.nodes * max(1, fleet.gpus) * 24)
    source = hours * _HOUR_S * fleet.source_bytes_per_s
    kept = rates.crop_bytes.plus(rates.label_bytes).times(frames / 1e12)
    # Shards hold the game view and the labels once more.
    stored = kept.times(1.6).plus(Rate(*[source / 1e12 if fleet.keep_raw else 0.0] * 3))
    moved = kept.times(2.0).plus(Rate(*[2 * source / 1e12] * 3))
    return [
        _row("videos", Rate(videos, videos, videos)),
        _row("frames", Rate(frames, frames, frames)),
        _row("core-hours, locate", locate),
        _row("core-hours, decode and crop", crop),
        _row("core-hours, read labels", read),
        _row("core-hours", cores),
        _row("GPU-hours, read labels", Rate(gpu_hours, gpu_hours, gpu_hours)),
        _row("TB downloaded", Rate(*[source / 1e12] * 3)),
        _row("TB stored", stored),
        _row("TB moved to and from storage", moved),
        _row("days", Rate(*(max(value, gpu_days) for value in (days.median, days.low, days.high)))),
    ]


def _row(name: str, rate: Rate) -> dict[str, Any]:
    return {"figure": name, "median": rate.median, "low": rate.low, "high": rate.high}


def measure(clips: Sequence[Path], library: Path, repeats: int = 3) -> Rates:
    """Return this machine's rates from clips with an overlay, each measured several times in CPU seconds.

    Args:
        clips: files.
        library: folder of the template library.
        repeats: trials of each.
    """
    trials = [trial for clip in clips for trial in _measure_clip(clip, library, repeats)]

    def rate(name: str) -> "Rate":
        values = [trial[name] for trial in trials]
        return Rate(statistics.median(values), min(values), max(values))

    names = ("locate_core_s", "crop_core_s", "read_core_s", "crop_bytes", "label_bytes")
    return Rates(**{name: rate(name) for name in names})


def _measure_clip(clip: Path, library: Path, repeats: int) -> list[dict[str, float]]:
    import pyarrow.parquet as pq

    from models.matchers.choice import choose_matchers
    from models.overlay_parser.checkpoint import CheckpointReader
    from ops.labels.delay import DelayConfig
    from ops.labels.refine import RefineConfig
    from ops.media.limits import VideoSize
    from ops.overlay.config import LocateConfig
    from ops.overlay.crop import CropConfig
    from ops.stages import steps
    from ops.stages.library import Library
    from ops.store.tables import trace_to_table

    here = steps.run_here
    probed, config, parser, templates = (
        steps.probe_video(clip, here),
        CropConfig(),
        CheckpointReader(),
        Library((library,)),
    )
    found = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(prefix="overplay-cost-") as name:
            folder, size = Path(name), VideoSize.of(probed)
            search = (clip, probed, templates.folders, choose_matchers(), LocateConfig(), here)
            tracks, locate_s = _timed(steps.find_overlays, *search)
            looks = templates.templates(tracks)
            report, crop_s = _timed(steps.crop_clips, clip, size, folder, tracks, looks, config, here)
            crop = (folder / GAMEPAD_CLIP, report.pts_s, report.spans, looks, parser)
            raw, read_s = _timed(steps.read_raw, *crop)
            spans = steps.refine_spans_of(report.spans, looks)
            trace, refine_s = _timed(steps.refine_labels, raw, spans, RefineConfig())
            _, delay_s = _timed(steps.estimate_offset, folder / GAME_CLIP, trace, DelayConfig(), here)
            for number, table in enumerate((raw, trace)):
                pq.write_table(trace_to_table(table), folder / f"{number}.parquet", compression="zstd")
            labels = sum((folder / f"{number}.parquet").stat().st_size for number in range(2))
            clips = (folder / GAMEPAD_CLIP).stat().st_size + (folder / GAME_CLIP).stat().st_size
        frames = raw.num_frames
        found.append(
            {
                "locate_core_s": locate_s,
                "crop_core_s": crop_s / frames,
                "read_core_s": (read_s + refine_s + delay_s) / frames,
                "crop_bytes": clips / frames,
                "label_bytes": labels / frames,
            }
        )
    return found


def _timed(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Return a result and the CPU seconds it took, children and threads included."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    started = _cpu_s()
    result = work(*arguments)
    return result, _cpu_s() - started


def _cpu_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
