"""Near-duplicates: the same video put up again. The ledger then names the row that was there first.

`overlay/fingerprints` holds one fingerprint per video. An index beside the ledger holds the surest codes of all of
them. New fingerprints are looked up in the index, and the candidates that it gives are compared code by code. A row
that agrees with an earlier one gets `duplicate_of`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from ops.crawl.catalog import Video, catalog_lock, read_catalog, write_catalog
from ops.crawl.fingerprints import Fingerprint, Overlap, compare
from ops.store.batch import Unit, read_batch
from ops.store.layout import FINGERPRINTS, manifest_key, unit_key
from ops.store.lock import hold
from ops.store.storage import Store

if TYPE_CHECKING:
    import pyarrow as pa

#: Changes when other videos would be called duplicates.
VERSION: Final = "1"
FILE: Final = "fingerprint.parquet"
INDEX_KEY: Final = "raw/catalog/fingerprints.parquet"
STATE_KEY: Final = "raw/catalog/fingerprints.json"
_LOCK_KEY: Final = "raw/catalog/lock.fingerprints"
#: Seconds that a run waits while another looks its batch up. Not measured on a full ledger; seconds on a small one.
_WAIT_S: Final = 1800.0
#: Codes at one shift that make a candidate. Two in a row are rare by chance (docs/benchmarks.md, near-duplicates).
_MIN_VOTES: Final = 2
#: Shifts that are so many steps apart count as one, since two cuts need not start on the same step.
_NEAR_STEPS: Final = 1
#: A code that more than so many rows of the index have says nothing. Chosen by eye.
_COMMON_ROWS: Final = 200
#: Candidates that are compared code by code. Chosen by eye.
_MAX_CANDIDATES: Final = 20
#: Letters of a manifest's sha256 that are kept to see whether it changed.
_HASH_LETTERS: Final = 16


def to_table(found: Fingerprint) -> pa.Table:
    """Return a fingerprint as a table, one row per code."""
    import pyarrow as pa

    weak = found.weak.astype(np.uint32) @ (np.uint32(1) << np.arange(0, 32, 8, dtype=np.uint32))
    columns = {"step": found.steps, "code": found.codes, "sureness": found.sureness, "weak": weak.astype(np.uint32)}
    return pa.table(columns)


def from_table(table: pa.Table) -> Fingerprint:
    """Return the fingerprint that a table holds."""
    steps, codes, sureness, packed = (table[name].to_numpy() for name in ("step", "code", "sureness", "weak"))
    weak = (packed[:, None] >> np.arange(0, 32, 8, dtype=np.uint32)).astype(np.uint8)
    return Fingerprint(steps, codes, sureness, weak)


@dataclass(frozen=True)
class Index:
    """Surest codes of many videos.

    Attributes:
        names: ids of the videos.
        batches: of each.
        video: (n,) int32, index of a code's video.
        step: (n,) int32.
        code: (n,) uint32, rising.
    """

    names: tuple[str, ...]
    batches: tuple[str, ...]
    video: npt.NDArray[np.int32]
    step: npt.NDArray[np.int32]
    code: npt.NDArray[np.uint32]

    @classmethod
    def build(cls, rows: Iterable[tuple[str, str, npt.NDArray[np.int32], npt.NDArray[np.uint32]]]) -> Index:
        """Return the index of (batch, id, steps, codes) rows."""
        kept = list(rows)
        lengths = [len(codes) for *_, codes in kept]
        video = np.repeat(np.arange(len(kept), dtype=np.int32), lengths)
        step = np.concatenate([np.zeros(0, np.int32), *(steps for _, _, steps, _ in kept)])
        code = np.concatenate([np.zeros(0, np.uint32), *(codes for *_, codes in kept)])
        order = np.argsort(code, kind="stable")
        names, batches = tuple(name for _, name, *_ in kept), tuple(batch for batch, *_ in kept)
        return cls(names, batches, video[order], step[order], code[order])

    def rows(self) -> Iterator[tuple[str, str, npt.NDArray[np.int32], npt.NDArray[np.uint32]]]:
        """Yield what it was built from, codes in order of time."""
        order = np.lexsort((self.code, self.step, self.video))
        stops = np.cumsum(np.bincount(self.video, minlength=len(self.names)))
        for batch, name, start, stop in zip(self.batches, self.names, [0, *stops], stops, strict=False):
            yield batch, name, self.step[order[start:stop]], self.code[order[start:stop]]

    def candidates(self, found: Fingerprint) -> list[tuple[int, int]]:
        """Return (number of a video, shift) of those that share codes with a fingerprint at one shift, best first."""
        steps, codes = found.sketch().guesses()
        start, stop = (np.searchsorted(self.code, codes, side=side) for side in ("left", "right"))
        rare = (stop > start) & (stop - start <= _COMMON_ROWS)
        start, stop, steps = start[rare], stop[rare], steps[rare]
        at = np.concatenate([np.zeros(0, np.int64), *map(np.arange, start, stop)]).astype(np.int64)
        shifts = self.step[at] - np.repeat(steps, stop - start)
        votes = Counter(zip(self.video[at].tolist(), shifts.tolist(), strict=True))
        near = {
            (video, shift): sum(votes.get((video, shift + by), 0) for by in range(-_NEAR_STEPS, _NEAR_STEPS + 1))
            for video, shift in votes
        }
        best: dict[int, tuple[int, int]] = {}
        for (video, shift), count in near.items():
            if count >= _MIN_VOTES:
                best[video] = max(best.get(video, (0, 0)), (count, shift))
        ordered = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))[:_MAX_CANDIDATES]
        return [(video, shift) for video, (_, shift) in ordered]


@dataclass(frozen=True)
class DuplicatesReport:
    """What a look for near-duplicates found.

    Attributes:
        num_looked_up: videos with a new fingerprint.
        found: (id, id of the one that was there first, how they agree).
    """

    num_looked_up: int = 0
    found: tuple[tuple[str, str, Overlap], ...] = field(default=())


def find_duplicates(store: Store, batches: Collection[str]) -> DuplicatesReport:
    """Look up the fingerprints of batches that are new or changed, and name duplicates in the ledger.

    The index is written first, then the ledger, then what was looked at. Killed in between, the next call starts over.

    Args:
        store: holds fingerprints, index and ledger.
        batches: whose fingerprints are looked up; those that have none yet are passed over.

    Raises:
        TimeoutError: another process looked up its batches all the while.
    """
    with hold(store, _LOCK_KEY, _WAIT_S):
        state = store.read_json(STATE_KEY) if store.exists(STATE_KEY) else {}
        fresh = {batch: content for batch, content in _contents(store, batches).items() if state.get(batch) != content}
        if not fresh:
            return DuplicatesReport()
        ledger = {video.video_id: at for at, video in enumerate(read_catalog(store))}
        prints, batch_of = _read_prints(store, sorted(fresh), ledger)
        index = _renewed(read_index(store), fresh, ledger, prints, batch_of)
        _write_index(store, index)
        matches = [match for name in prints for match in _matches(store, index, name, prints, ledger)]
        _write_ledger(store, matches, set(prints))
        store.write_json(STATE_KEY, {**state, **fresh})
    return DuplicatesReport(len(prints), tuple(sorted(matches, key=lambda match: match[:2])))


def _contents(store: Store, batches: Collection[str]) -> dict[str, str]:
    """Return a hash of each batch's manifest of fingerprints, where there is one."""
    found: dict[str, str] = {}
    for batch in sorted(batches):
        try:
            data = store.read_bytes(manifest_key(FINGERPRINTS, batch))
        except FileNotFoundError:
            continue
        found[batch] = hashlib.sha256(data).hexdigest()[:_HASH_LETTERS]
    return found


def _read_prints(
    store: Store, batches: Sequence[str], ledger: Collection[str]
) -> tuple[dict[str, Fingerprint], dict[str, str]]:
    """Return the fingerprints of batches and each one's batch, by id."""
    prints: dict[str, Fingerprint] = {}
    batch_of: dict[str, str] = {}
    for batch in batches:
        for unit in read_batch(store, FINGERPRINTS, batch):
            if _usable(unit, ledger):
                prints[unit.video_id], batch_of[unit.video_id] = _read(store, batch, unit.video_id), batch
    return prints, batch_of


def _renewed(
    index: Index,
    fresh: Collection[str],
    ledger: Collection[str],
    prints: dict[str, Fingerprint],
    batch_of: dict[str, str],
) -> Index:
    """Return the index with the rows of fresh batches replaced, and without videos that the ledger does not know."""
    kept = [row for row in index.rows() if row[0] not in fresh and row[1] in ledger]
    added = []
    for name, found in prints.items():
        sketch = found.sketch()
        added.append((batch_of[name], name, sketch.steps, sketch.codes))
    return Index.build([*kept, *added])


def _usable(unit: Unit, ledger: Collection[str]) -> bool:
    return unit.outcome.kind == "ok" and unit.outcome.data["num_codes"] > 0 and unit.video_id in ledger


def _read(store: Store, batch: str, video_id: str) -> Fingerprint:
    return from_table(store.read_table(unit_key(FINGERPRINTS, batch, video_id, FILE)))


def _matches(
    store: Store, index: Index, name: str, prints: dict[str, Fingerprint], ledger: dict[str, int]
) -> Iterator[tuple[str, str, Overlap]]:
    """Yield (later id, earlier id, overlap) of a video and those that are the same."""
    mine = prints[name]
    for number, shift in index.candidates(mine):
        other = index.names[number]
        if other == name:
            continue
        theirs = prints[other] if other in prints else _read(store, index.batches[number], other)
        overlap = min((compare(mine, theirs, shift + by) for by in (-1, 0, 1)), key=lambda one: one.error)
        if overlap.same:
            later, earlier = sorted((name, other), key=lambda one: -ledger[one])
            yield later, earlier, overlap


def _write_ledger(store: Store, matches: Sequence[tuple[str, str, Overlap]], looked_up: Collection[str]) -> None:
    """Write `duplicate_of` of rows: the first of all that agree with a row, by way of others too."""
    first: dict[str, str] = {}
    with catalog_lock(store):
        before = read_catalog(store)
        order = {video.video_id: at for at, video in enumerate(before)}
        pairs = [
            (row.video_id, row.duplicate_of) for row in before if row.duplicate_of and row.video_id not in looked_up
        ]
        for later, earlier in [*pairs, *((later, earlier) for later, earlier, _ in matches)]:
            roots = sorted({_root(first, later), _root(first, earlier)}, key=lambda one: order.get(one, -1))
            first.update(dict.fromkeys(roots[1:], roots[0]))
        after = tuple(_renamed(row, first, looked_up) for row in before)
        if after != before:
            write_catalog(store, after)


def _root(first: dict[str, str], name: str) -> str:
    while name in first:
        name = first[name]
    return name


def _renamed(row: Video, first: dict[str, str], looked_up: Collection[str]) -> Video:
    root = _root(first, row.video_id)
    if row.video_id not in looked_up and row.video_id not in first:
        return row
    return dataclasses.replace(row, duplicate_of="" if root == row.video_id else root)


def read_index(store: Store) -> Index:
    """Return the index of all fingerprints; empty where there is none yet."""
    try:
        table = store.read_table(INDEX_KEY)
    except FileNotFoundError:
        return Index.build([])
    names, first = np.unique(table["video_id"].to_numpy(zero_copy_only=False), return_index=True)
    order = np.argsort(first)
    batches = table["batch"].to_numpy(zero_copy_only=False)
    parts = np.split(np.arange(table.num_rows), np.sort(first)[1:]) if len(names) else []
    steps, codes = table["step"].to_numpy(), table["code"].to_numpy()
    return Index.build(
        (str(batches[rows[0]]), str(name), steps[rows], codes[rows])
        for name, rows in zip(names[order], parts, strict=True)
    )


def _write_index(store: Store, index: Index) -> None:
    import pyarrow as pa

    rows = list(index.rows())
    lengths = [len(codes) for *_, codes in rows]
    columns: dict[str, Any] = {
        "batch": np.repeat([batch for batch, *_ in rows], lengths) if rows else pa.array([], pa.string()),
        "video_id": np.repeat([name for _, name, *_ in rows], lengths) if rows else pa.array([], pa.string()),
        "step": np.concatenate([np.zeros(0, np.int32), *(steps for _, _, steps, _ in rows)]),
        "code": np.concatenate([np.zeros(0, np.uint32), *(codes for *_, codes in rows)]),
    }
    store.write_table(INDEX_KEY, pa.table(columns))


def drop_fingerprints(store: Store, wanted: Mapping[str, Collection[str]]) -> list[str]:
    """Take videos, ids by batch, out of the index; return the keys that were written anew."""
    with hold(store, _LOCK_KEY, _WAIT_S):
        rows = list(read_index(store).rows())
        kept = [row for row in rows if row[1] not in wanted.get(row[0], ())]
        if len(kept) == len(rows):
            return []
        _write_index(store, Index.build(kept))
    return [INDEX_KEY]
