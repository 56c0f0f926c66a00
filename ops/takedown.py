"""Remove videos from everything that a store holds, so that no moment of it shows half a state to readers.

Order: the ledger says no first, so nothing brings a video back. Then each batch: its manifests are written without the
video (a reader sees the old or the new one), then its files go. Tars that hold its samples are written anew under
another name, the shards' manifest then names those, and the old ones go. Killed anywhere, it is run again to the same
end. Other copies (backups, versions that a bucket keeps) are out of its reach.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ops.crawl.catalog import Video, batch_ids, catalog_lock, is_committed, read_catalog, write_catalog
from ops.crawl.duplicates import drop_fingerprints
from ops.crawl.optout import TRAINED_ON, emptied, flag_opted_out, read_optouts
from ops.dataset.card import build_card
from ops.dataset.reshard import drop_chunks, drop_samples
from ops.dataset.shards import list_shard_batches, read_index
from ops.nitrogen.importer import published_videos
from ops.stages.published import MISSING, write_missing
from ops.store.layout import CARD, CHUNKS, PUBLISHED, SHARDS
from ops.store.storage import Store

#: What is said of a checkpoint that learned from a video which is gone; beside its files.
MARK: Final = "takedown.json"
_POLICIES: Final = "policy"
_CHUNK_ID: Final = re.compile(r"_chunk_\d{4,}(\..*)?$")


@dataclass
class TakedownReport:
    """What was removed.

    Attributes:
        videos: ids.
        batches: that held something of them.
        removed_files: by store (`raw/videos`, `overlay/crops`, ...).
        removed_bytes: likewise, where the store is local; 0 elsewhere.
        rewritten: files written anew without them.
        checkpoints: folders of policies trained on them, with how sure that is for each video: `yes` or `perhaps`.
        left: keys that still carry one of the ids; empty after a takedown.
    """

    videos: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()
    removed_files: Counter[str] = field(default_factory=Counter)
    removed_bytes: Counter[str] = field(default_factory=Counter)
    rewritten: list[str] = field(default_factory=list)
    checkpoints: dict[str, dict[str, str]] = field(default_factory=dict)
    left: tuple[str, ...] = ()


def pending_videos(store: Store) -> tuple[Video, ...]:
    """Return the rows that the opt-out list means, emptied ones too, and those of imported batches."""
    videos = (*read_catalog(store), *published_videos(store))
    return tuple(video for video in flag_opted_out(videos, read_optouts(store)) if video.opt_out)


def plan_takedown(store: Store) -> TakedownReport:
    """Return what a takedown would remove; nothing is touched."""
    return _plan(store, store.list())


def _plan(store: Store, keys: Sequence[str]) -> TakedownReport:
    pending = pending_videos(store)
    wanted = {video.video_id for video in pending}
    report = TakedownReport(tuple(sorted(wanted)), tuple(sorted({video.batch for video in pending})))
    for key in keys:
        if _names(key, wanted):
            _count(report, store, key)
    report.checkpoints = _checkpoints(store, keys, report.batches, wanted)
    return report


def take_down(store: Store, exports: Sequence[Path] = ()) -> TakedownReport:
    """Remove all videos that the opt-out list means from the store and from folders of exports.

    Args:
        store: everything below its root is looked through.
        exports: further local folders with labels or exports, by video or chunk id.
    """
    _write_ledger(store, lambda videos: flag_opted_out(videos, read_optouts(store)))
    keys = store.list()
    report = _plan(store, keys)
    wanted = set(report.videos)
    for folder, verdicts in report.checkpoints.items():
        _mark(store, folder, verdicts)
    _rewrite_manifests(store, keys, wanted, report)
    report.rewritten += drop_fingerprints(store, wanted)
    for batch in report.batches:
        report.rewritten += [*drop_chunks(store, batch, wanted), *drop_samples(store, batch, wanted)]
    for prefix in sorted({_prefix(key, wanted) for key in keys if _names(key, wanted)}):
        store.remove(prefix)
    for exported in exports:
        _clear_export(exported, wanted, report)
    if report.batches and store.exists(f"{CARD}/manifest.json"):
        report.rewritten += [f"{CARD}/README.md"] if build_card(store, batch_ids(read_catalog(store))).changed else []
    _rewrite_published(store, keys, wanted, report)
    _write_ledger(
        store, lambda videos: tuple(emptied(video) if video.video_id in wanted else video for video in videos)
    )
    report.left = tuple(key for key in store.list() if _names(key, wanted))
    return report


def _write_ledger(store: Store, change: Callable[[tuple[Video, ...]], tuple[Video, ...]]) -> None:
    with catalog_lock(store):
        before = read_catalog(store)
        after = change(before)
        if after != before or not is_committed(store):
            write_catalog(store, after)


def _is_of(part: str, wanted: Collection[str]) -> bool:
    """Return whether a part of a path is a video's folder or file, a chunk of it, or scratch of its download."""
    return part in wanted or part.split(".")[0] in wanted or _CHUNK_ID.sub("", part) in wanted


def _names(key: str, wanted: Collection[str]) -> bool:
    return bool(wanted) and any(_is_of(part, wanted) for part in key.split("/"))


def _prefix(key: str, wanted: Collection[str]) -> str:
    """Return a key up to the part that names the video: its whole folder."""
    parts = key.split("/")
    return "/".join(parts[: next(at for at, part in enumerate(parts) if _is_of(part, wanted)) + 1])


def _count(report: TakedownReport, store: Store, key: str) -> None:
    asset = "/".join(key.split("/")[:2])
    report.removed_files[asset] += 1
    if store.is_local:
        report.removed_bytes[asset] += Path(store.uri(key)).stat().st_size


def _rewrite_manifests(store: Store, keys: Sequence[str], wanted: set[str], report: TakedownReport) -> None:
    """Write the manifests of the batches, of whatever stage or generation of labels, without the videos."""
    folders = tuple(f"/{batch}/manifest.json" for batch in report.batches)
    for key in keys:
        if key.endswith(folders) and not key.startswith((CHUNKS, SHARDS, PUBLISHED)):
            _rewrite_manifest(store, key, wanted, report)


def _rewrite_published(store: Store, keys: Sequence[str], wanted: set[str], report: TakedownReport) -> None:
    """Write what imported batches list without the videos; last, since nothing else knows that they are meant."""
    for key in keys:
        if key.startswith(f"{PUBLISHED}/") and key.endswith("/manifest.json"):
            batch = key.split("/")[-2]
            if _rewrite_manifest(store, key, wanted, report) and store.exists(f"{PUBLISHED}/{batch}/{MISSING}"):
                write_missing(store, batch)
                report.rewritten.append(f"{PUBLISHED}/{batch}/{MISSING}")


def _rewrite_manifest(store: Store, key: str, wanted: set[str], report: TakedownReport) -> bool:
    manifest = store.read_json(key)
    units = [unit for unit in manifest.get("units", []) if unit["video_id"] not in wanted]
    if units == manifest.get("units", []):
        return False
    store.write_json(key, manifest | {"units": units})
    report.rewritten.append(key)
    return True


def _checkpoints(
    store: Store, keys: Sequence[str], batches: Sequence[str], wanted: set[str]
) -> dict[str, dict[str, str]]:
    """Return the folders of policies that learned from one of the videos, and how sure that is."""
    found: dict[str, dict[str, str]] = {}
    with_shards = set(batches) & set(list_shard_batches(store))
    listed = set(keys)
    packed = {row.video_id for batch in with_shards for row in read_index(store, batch)}
    for key in keys:
        if not key.startswith(f"{_POLICIES}/"):
            continue
        folder, name = key.rsplit("/", 1)
        if name == TRAINED_ON:
            videos = {video for ids in store.read_json(key).values() for video in ids}
            if videos & wanted:
                found[folder] = dict.fromkeys(sorted(videos & wanted), "yes")
        elif name.endswith(".safetensors") and f"{folder}/{TRAINED_ON}" not in listed and packed & wanted:
            found[folder] = dict.fromkeys(sorted(packed & wanted), "perhaps")
    return found


def _mark(store: Store, folder: str, verdicts: dict[str, str]) -> None:
    key = f"{folder}/{MARK}"
    marked = store.read_json(key)["trained_on_removed_videos"] if store.exists(key) else {}
    advice = "train again on the shards as they are now"
    store.write_json(key, {"trained_on_removed_videos": marked | verdicts, "advice": advice})


def _clear_export(folder: Path, wanted: set[str], report: TakedownReport) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):  # files before their folders
        if not _names(path.relative_to(folder).as_posix(), wanted):
            continue
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            report.removed_files[str(folder)] += 1
            report.removed_bytes[str(folder)] += path.lstat().st_size
            path.unlink()
