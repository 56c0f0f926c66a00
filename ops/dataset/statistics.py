"""What the dataset holds and where hours were lost, added up from manifests and label tables, batch by batch.

A batch's numbers are plain sums, so batches add up to the whole, and each is kept in the store until its manifests
change: the card of 800 batches reads one small file for each. Hours of a video are those of its probe; before its
download, those its source gave (0 where it gave none).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np

from ops.crawl.catalog import Video, read_catalog
from ops.dataset.chunks import read_chunk_table
from ops.gamepad import DATASET_BUTTONS, STICK_ACTIVE, STICKS, PadTrace
from ops.outcomes import reason_class
from ops.store.batch import Unit, read_batch
from ops.store.layout import (
    ACTION_TABLE,
    ACTIONS,
    CHUNKS,
    CROPS,
    LOCATIONS,
    RAW_ACTIONS,
    VIDEOS,
    manifest_key,
    unit_key,
)
from ops.store.storage import Store, fingerprint
from ops.store.tables import table_to_trace

VERSION: Final = "1"
#: Stages of the funnel after `found`, with the assets whose losses count there; the last one is chunks.
_STAGES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("downloaded", (VIDEOS,)),
    ("located", (LOCATIONS,)),
    ("cropped", (CROPS,)),
    ("read", (RAW_ACTIONS, ACTIONS)),
)
STAGES: Final = ("found", *(name for name, _ in _STAGES), "kept")
#: A button above this is pressed; labels hold 0 and 1.
_PRESSED: Final = 0.5
NOT_DONE: Final = "not done yet"
#: Bins of the histogram of confidence, over [0, 1].
NUM_BINS: Final = 50
UNNAMED: Final = "unknown"
#: Facts of a video by which kept hours are told apart, beside its family and side of the split.
_TOLD: Final = ("game", "genre", "licence", "channel")


@dataclass
class Amount:
    """A number of videos and their length.

    Attributes:
        videos: how many; a video of which only a part is meant counts.
        seconds: of source time.
    """

    videos: int = 0
    seconds: float = 0.0

    def add(self, seconds: float, videos: int = 1) -> None:
        """Count a video, or a part of one."""
        self.videos += videos
        self.seconds += seconds


@dataclass
class Statistics:
    """Sums over videos; `merge` adds those of several batches.

    Attributes:
        funnel: what is left after each of `STAGES`.
        lost: what was lost at a stage, by class of reason: rejected and failed ones, and those not done yet.
        kept_seconds: kept source time by `game`, `genre`, `family`, `licence`, `split` and `channel`.
        num_frames: frames with labels.
        active_frames: of them, with a button down or a stick off its centre.
        confidence_frames: (NUM_BINS,) labelled frames by mean confidence over the controls that their skin draws.
        known: frames in which a button or stick is known, by name.
        active: frames in which it is pressed or off its centre, by name.
    """

    funnel: dict[str, Amount] = field(default_factory=lambda: {stage: Amount() for stage in STAGES})
    lost: dict[str, dict[str, Amount]] = field(default_factory=lambda: {stage: {} for stage in STAGES})
    kept_seconds: dict[str, dict[str, float]] = field(
        default_factory=lambda: {name: {} for name in ("game", "genre", "family", "licence", "split", "channel")}
    )
    num_frames: int = 0
    active_frames: int = 0
    confidence_frames: list[int] = field(default_factory=lambda: [0] * NUM_BINS)
    known: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*DATASET_BUTTONS, *STICKS), 0))
    active: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*DATASET_BUTTONS, *STICKS), 0))

    @property
    def idle_share(self) -> float | None:
        """The share of labelled frames without any action."""
        return 1 - self.active_frames / self.num_frames if self.num_frames else None

    def press_share(self, control: str) -> float | None:
        """Return the share of frames in which a button is down (a stick off its centre), of those that know it."""
        return self.active[control] / self.known[control] if self.known[control] else None

    def confidence_curve(self) -> list[tuple[float, float]]:
        """Return (threshold, share of labelled frames whose mean confidence is at or above it), thresholds rising."""
        counts = np.asarray(self.confidence_frames, dtype=np.float64)
        at_least = counts[::-1].cumsum()[::-1] / max(counts.sum(), 1.0)
        return [(k / NUM_BINS, float(share)) for k, share in enumerate(at_least)]

    def to_record(self) -> dict[str, Any]:
        """Return JSON-able fields."""
        return asdict(self)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Statistics:
        """Return the statistics that a record holds."""
        funnel = {stage: Amount(**amount) for stage, amount in record["funnel"].items()}
        lost = {
            stage: {reason: Amount(**amount) for reason, amount in reasons.items()}
            for stage, reasons in record["lost"].items()
        }
        return cls(**{**record, "funnel": funnel, "lost": lost})


def merge(parts: Iterable[Statistics]) -> Statistics:
    """Return the sum of statistics of different videos; its order does not matter."""
    total = Statistics()
    for part in parts:
        for stage, amount in part.funnel.items():
            total.funnel[stage].add(amount.seconds, amount.videos)
        for stage, reasons in part.lost.items():
            for reason, amount in reasons.items():
                total.lost[stage].setdefault(reason, Amount()).add(amount.seconds, amount.videos)
        for name, seconds in part.kept_seconds.items():
            total.kept_seconds[name] = dict(Counter(total.kept_seconds[name]) + Counter(seconds))
        total.num_frames += part.num_frames
        total.active_frames += part.active_frames
        total.confidence_frames = [a + b for a, b in zip(total.confidence_frames, part.confidence_frames, strict=True)]
        for mine, theirs in ((total.known, part.known), (total.active, part.active)):
            for control, count in theirs.items():
                mine[control] += count
    return total


def count_trace(statistics: Statistics, trace: PadTrace) -> None:
    """Add a video's labels: activity, confidence, presses."""
    statistics.num_frames += trace.num_frames
    statistics.active_frames += int(trace.active().sum())
    drawn = trace.confidence.max(axis=0, initial=0) > 0
    sure = trace.confidence[:, drawn].mean(axis=1) if drawn.any() else np.zeros(trace.num_frames)
    bins = np.minimum((sure * NUM_BINS).astype(int), NUM_BINS - 1)
    counts = np.bincount(bins, minlength=NUM_BINS)
    statistics.confidence_frames = [a + int(b) for a, b in zip(statistics.confidence_frames, counts, strict=True)]
    for channel, button in enumerate(DATASET_BUTTONS):
        values = trace.buttons[:, channel]
        statistics.known[button] += int(np.isfinite(values).sum())
        statistics.active[button] += int((values > _PRESSED).sum())
    for index, stick in enumerate(STICKS):
        radius = np.hypot(trace.sticks[:, 2 * index], trace.sticks[:, 2 * index + 1])
        statistics.known[stick] += int(np.isfinite(radius).sum())
        statistics.active[stick] += int((radius >= STICK_ACTIVE).sum())


def batch_statistics(store: Store, batch: str, videos: Sequence[Video]) -> Statistics:
    """Return the statistics of a batch, from its manifests and label tables.

    Args:
        store: holds them; a stage that was not run has lost nothing, its videos are `not done yet`.
        batch: partition key.
        videos: the batch's rows of the catalog.
    """
    statistics = Statistics()
    seconds = {video.video_id: video.duration_s or 0.0 for video in videos}
    facts: dict[str, dict[str, Any]] = {}
    family: dict[str, str] = {}
    left = set()
    for video in videos:
        statistics.funnel["found"].add(seconds[video.video_id])
        if video.opt_out:
            _lose(statistics, "downloaded", "opted out", seconds[video.video_id])
        else:
            left.add(video.video_id)
    for stage, assets in _STAGES:
        for asset in assets:
            units = {unit.video_id: unit for unit in _read_units(store, asset, batch)}
            for video_id in sorted(left):
                reason = _why_lost(units.get(video_id))
                if reason:
                    left.discard(video_id)
                    _lose(statistics, stage, reason, seconds[video_id])
                    continue
                data = units[video_id].outcome.data
                if asset == VIDEOS:
                    facts[video_id] = data
                    seconds[video_id] = float(data.get("probe", {}).get("duration_s") or seconds[video_id])
                family[video_id] = _family(data) or family.get(video_id, "")
        for video_id in left:
            statistics.funnel[stage].add(seconds[video_id])
    for video_id in sorted(left):
        count_trace(statistics, table_to_trace(store.read_table(unit_key(ACTIONS, batch, video_id, ACTION_TABLE))))
    _count_chunks(statistics, store, batch, left, facts, family)
    return statistics


def _lose(statistics: Statistics, stage: str, reason: str, seconds: float) -> None:
    statistics.lost[stage].setdefault(reason, Amount()).add(seconds)


def _why_lost(unit: Unit | None) -> str:
    if unit is None:
        return NOT_DONE
    if unit.outcome.kind == "ok":
        return ""
    return f"{unit.outcome.kind}: {reason_class(unit.outcome.reason)}"


def _family(data: Mapping[str, Any]) -> str:
    tracks = data.get("tracks") or [{}]
    return str(data.get("family") or tracks[0].get("family") or "")


def _read_units(store: Store, asset: str, batch: str) -> tuple[Unit, ...]:
    try:
        return read_batch(store, asset, batch)
    except FileNotFoundError:
        return ()


def _count_chunks(
    statistics: Statistics,
    store: Store,
    batch: str,
    left: set[str],
    facts: Mapping[str, Mapping[str, Any]],
    family: Mapping[str, str],
) -> None:
    import pandas as pd

    try:
        chunks = read_chunk_table(store, batch).to_pandas()
    except FileNotFoundError:
        chunks = pd.DataFrame(columns=["video_id", "split", "start_s", "stop_s", "kept", "reason"])
    chunks = chunks[chunks["video_id"].isin(left)]
    for video_id in sorted(left - set(chunks["video_id"])):
        _lose(statistics, "kept", NOT_DONE, float(facts[video_id].get("probe", {}).get("duration_s") or 0.0))
    chunks = chunks.assign(length_s=chunks["stop_s"] - chunks["start_s"])
    kept = chunks[chunks["kept"].astype(bool)]
    told = {name: kept["video_id"].map({video_id: facts[video_id].get(name) for video_id in left}) for name in _TOLD}
    told |= {"family": kept["video_id"].map(family), "split": kept["split"]}
    for name, values in told.items():
        named = values.where(values.notna() & (values != ""), UNNAMED)
        statistics.kept_seconds[name] = kept.groupby(named, sort=False)["length_s"].sum().to_dict()
    for (reason, _), length_s in chunks.groupby(["reason", "video_id"])["length_s"].sum().items():
        if reason:
            _lose(statistics, "kept", f"dropped: {reason_class(reason)}", float(length_s))
        else:
            statistics.funnel["kept"].add(float(length_s))


def collect_statistics(store: Store, batches: Sequence[str], cache: str = "dataset/card/batches") -> Statistics:
    """Return the statistics of batches, those of unchanged ones read from where they were kept.

    Args:
        store: holds manifests and tables.
        batches: partition keys.
        cache: folder of the store for the statistics of each batch.
    """
    by_batch: dict[str, list[Video]] = {}
    for video in read_catalog(store):
        by_batch.setdefault(video.batch, []).append(video)
    parts = []
    for batch in batches:
        videos = by_batch.get(batch, [])
        current = _batch_fingerprint(store, batch, videos)
        key = f"{cache}/{batch}.json"
        stored = store.read_json(key) if store.exists(key) else {}
        if stored.get("fingerprint") == current:
            parts.append(Statistics.from_record(stored["statistics"]))
            continue
        part = batch_statistics(store, batch, videos)
        store.write_json(key, {"fingerprint": current, "statistics": part.to_record()})
        parts.append(part)
    return merge(parts)


def _batch_fingerprint(store: Store, batch: str, videos: Sequence[Video]) -> str:
    rows = [(video.video_id, video.duration_s, video.opt_out) for video in videos]
    manifests = []
    for asset in (*(asset for _, assets in _STAGES for asset in assets), CHUNKS):
        key = manifest_key(asset, batch)
        manifests.append(store.read_json(key) if store.exists(key) else None)
    return fingerprint(VERSION, rows, manifests)
