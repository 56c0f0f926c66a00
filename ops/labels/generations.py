"""Generations of labels side by side: what each parser read is kept, and a batch follows the one chosen for it.

`labels/raw_actions` and `labels/actions` hold the generation that chunks and shards follow. Each generation is kept
under `labels/generations/<id>/` as well; the id follows from parser, templates, code and config.
A pin in `labels/pins.json` holds a batch at one of them; without a pin it follows the parser that is published.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ops.gamepad import CONTROLS, DATASET, PadTrace
from ops.store.batch import Unit, read_batch
from ops.store.layout import ACTION_TABLE, ACTIONS, MANIFEST, RAW_ACTIONS, UNIT, manifest_key
from ops.store.storage import Store, fingerprint
from ops.store.tables import table_to_trace

FOLDER: Final = "labels/generations"
PINS_KEY: Final = "labels/pins.json"
_STAGES: Final = (RAW_ACTIONS, ACTIONS)
#: Sticks that are nearer to each other than this are read alike: a tenth of full travel.
STICK_TOLERANCE: Final = 0.1


def generation_id(*inputs: Any) -> str:
    """Return the id of the generation that follows from parser, templates, code versions and config."""
    return fingerprint("generation", *inputs)[:12]


def generation_asset(generation: str, asset: str) -> str:
    """Return the folder that keeps a generation's part of an asset."""
    return f"{FOLDER}/{generation}/{asset.split('/')[-1]}"


def keep(store: Store, batch: str, generation: str, about: dict[str, Any]) -> None:
    """Keep the labels of a batch, as they are now, as a generation.

    Args:
        store: holds the labels.
        batch: partition key.
        generation: its id.
        about: what the generation was made by, for people; written to `generation.json`.
    """
    for asset in _STAGES:
        _copy_batch(store, batch, asset, generation_asset(generation, asset))
    key = f"{FOLDER}/{generation}/generation.json"
    if not store.exists(key):
        store.write_json(key, about)


def restore(store: Store, batch: str, generation: str) -> None:
    """Make the labels of a batch those of a kept generation.

    Raises:
        FileNotFoundError: the generation does not hold the batch.
    """
    if batch not in list_generations(store).get(generation, ()):
        raise FileNotFoundError(f"generation {generation} does not hold {batch}; see `overplay labels list`")
    for asset in _STAGES:
        _copy_batch(store, batch, generation_asset(generation, asset), asset)


def _copy_batch(store: Store, batch: str, source: str, target: str) -> None:
    """Copy a batch's units, then its manifest; readers find the old batch, none, or the new one."""
    manifest = store.read_json(manifest_key(source, batch))
    key = manifest_key(target, batch)
    if store.exists(key):
        if store.read_json(key) == manifest:
            return
        store.remove(key)  # readers must not find the old manifest beside new files
    for record in manifest["units"]:
        names = [*record["files"], UNIT]  # as stages do: what tells of files comes after them
        for name in names:
            tail = f"{batch}/{record['video_id']}/{name}"
            store.write_bytes(f"{target}/{tail}", store.read_bytes(f"{source}/{tail}"))
    store.write_json(key, manifest)


def list_generations(store: Store) -> dict[str, tuple[str, ...]]:
    """Return the batches that each kept generation holds whole, by its id."""
    found: dict[str, list[str]] = {}
    for key in store.list(FOLDER):
        parts = key.split("/")
        if parts[-1] == MANIFEST and parts[3] == ACTIONS.split("/")[-1]:
            found.setdefault(parts[2], []).append(parts[4])
    return {generation: tuple(sorted(batches)) for generation, batches in sorted(found.items())}


def read_pins(store: Store) -> dict[str, str]:
    """Return the generation that each pinned batch is held at."""
    try:
        return dict(store.read_json(PINS_KEY))
    except FileNotFoundError:
        return {}


def pin(store: Store, batches: Sequence[str], generation: str) -> None:
    """Hold batches at a generation, or with an empty one let them follow the published parser again.

    Raises:
        FileNotFoundError: the generation does not hold one of them; nothing is pinned then.
    """
    held = list_generations(store).get(generation, ())
    missing = [batch for batch in batches if generation and batch not in held]
    if missing:
        raise FileNotFoundError(
            f"generation {generation} does not hold {', '.join(missing)}; see `overplay labels list`"
        )
    pins = {batch: held_at for batch, held_at in read_pins(store).items() if batch not in batches}
    store.write_json(PINS_KEY, pins | (dict.fromkeys(batches, generation) if generation else {}))


@dataclass
class LabelsDiff:
    """How two generations differ.

    Attributes:
        num_frames: compared.
        changed: frames whose value differs, by control.
        by_video: frames in which anything differs, by (batch, video).
        only_in: videos that only one of the two has labels for: `a` or `b`.
        worst: (batch, video, row, controls) of the frames in which most controls differ, the worst first.
    """

    num_frames: int = 0
    changed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CONTROLS, 0))
    by_video: dict[tuple[str, str], int] = field(default_factory=dict)
    only_in: dict[tuple[str, str], str] = field(default_factory=dict)
    worst: list[tuple[str, str, int, tuple[str, ...]]] = field(default_factory=list)


def diff_generations(store: Store, first: str, second: str, batches: Sequence[str], num_worst: int = 8) -> LabelsDiff:
    """Return how the labels of two kept generations differ over batches.

    Args:
        store: holds them.
        first: id of a generation.
        second: likewise.
        batches: that both hold.
        num_worst: frames to name, at most one per second of a video.
    """
    found = LabelsDiff()
    for batch in batches:
        for video_id, old, new in _pairs(store, first, second, batch, found):
            changes = changed_controls(old, new)
            found.num_frames += len(changes)
            for control, count in zip(CONTROLS, changes.sum(axis=0), strict=True):
                found.changed[control] += int(count)
            found.by_video[batch, video_id] = int(changes.any(axis=1).sum())
            found.worst += _worst_rows(batch, video_id, old, changes, num_worst)
    found.worst = sorted(found.worst, key=lambda entry: (-len(entry[3]), *entry[:3]))[:num_worst]
    return found


def _pairs(
    store: Store, first: str, second: str, batch: str, found: LabelsDiff
) -> Iterator[tuple[str, PadTrace, PadTrace]]:
    """Yield (video, old, new) of videos that both have labels for; note the others."""
    sides = []
    for generation in (first, second):
        units = read_batch(store, generation_asset(generation, ACTIONS), batch)
        sides.append({unit.video_id for unit in units if unit.outcome.kind == "ok"})
    for video_id in sorted(sides[0] ^ sides[1]):
        found.only_in[batch, video_id] = "a" if video_id in sides[0] else "b"
    for video_id in sorted(sides[0] & sides[1]):
        yield video_id, read_kept(store, first, batch, video_id), read_kept(store, second, batch, video_id)


def read_kept(store: Store, generation: str, batch: str, video_id: str) -> PadTrace:
    """Return a video's labels of a kept generation."""
    key = f"{generation_asset(generation, ACTIONS)}/{batch}/{video_id}/{ACTION_TABLE}"
    return table_to_trace(store.read_table(key))


def changed_controls(old: PadTrace, new: PadTrace) -> npt.NDArray[np.bool_]:
    """Return (num_frames, 19) whether a control's value differs: known or not, pressed or not, stick moved away.

    Raises:
        ValueError: the two are not of the same frames.
    """
    if not np.array_equal(old.pts_s, new.pts_s):
        raise ValueError(f"expected labels of the same frames, got {old.num_frames} and {new.num_frames} rows")
    buttons = ~((old.buttons == new.buttons) | (np.isnan(old.buttons) & np.isnan(new.buttons)))
    known = np.isnan(old.sticks) != np.isnan(new.sticks)
    moved = np.abs(np.nan_to_num(old.sticks) - np.nan_to_num(new.sticks)) > STICK_TOLERANCE
    sticks = (known | moved).reshape(old.num_frames, -1, 2).any(axis=2)
    found: npt.NDArray[np.bool_] = np.concatenate([buttons, sticks], axis=1)
    assert found.shape[1] == DATASET.num_buttons + 2 == len(CONTROLS)
    return found


def _worst_rows(
    batch: str, video_id: str, trace: PadTrace, changes: npt.NDArray[np.bool_], count: int
) -> Iterator[tuple[str, str, int, tuple[str, ...]]]:
    taken: set[int] = set()
    for row in np.argsort(-changes.sum(axis=1), kind="stable"):
        if len(taken) == count or not changes[row].any():
            return
        second = int(trace.pts_s[row])
        if second not in taken:
            taken.add(second)
            controls = tuple(control for control, hit in zip(CONTROLS, changes[row], strict=True) if hit)
            yield batch, video_id, int(row), controls


def held_units(store: Store, batch: str, asset: str) -> tuple[Unit, ...] | None:
    """Return a pinned batch's units of an asset, restored where others were there; None where it is not pinned."""
    generation = read_pins(store).get(batch)
    if generation is None:
        return None
    restore(store, batch, generation)
    return read_batch(store, asset, batch)
