"""Kill a piece of work at each moment of its writes, run it again, and compare the bytes with an unbroken run."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ops.store.storage import Store
from tests.chaos.lineage import comparable, copy_state, local_files
from tests.chaos.points import Points
from tests.chaos.s3 import BUCKET, Bucket

Work = Callable[[Store], None]


COUNTS = ("faults", "videos", "lost", "doubled", "differing")


@dataclass
class Tally:
    """What a part of the chaos did; rows of these are the table.

    Attributes:
        name: of the part.
        faults: injected.
        videos: processed under them.
        lost: videos without an outcome, or with another one than in an unbroken run.
        doubled: videos with more than one.
        differing: bytes that differ from an unbroken run, missing and surplus files included.
        notes: what a person should read.
    """

    name: str
    faults: int = 0
    videos: int = 0
    lost: int = 0
    doubled: int = 0
    differing: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, doubled or changed, and something was tried."""
        return self.faults > 0 and not (self.lost or self.doubled or self.differing or self.notes)

    def plus(self, other: Tally) -> Tally:
        """Return this and another tally of the same part as one."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in COUNTS}
        return Tally(self.name, **sums, notes=self.notes + other.notes)

    def compare(self, what: str, found: dict[str, bytes], expected: dict[str, bytes]) -> None:
        """Count the differences between the files of two stores, and the videos that are lost or doubled."""
        for key in sorted(found.keys() | expected.keys()):
            num = differing_bytes(found.get(key), expected.get(key))
            if num:
                self.differing += num
                self.notes.append(f"{what}: {key} differs by {num} bytes")
        seen, wanted = outcomes(found), outcomes(expected)
        self.videos += len(wanted)
        self.lost += sum(1 for key, kinds in wanted.items() if kinds[0] not in seen.get(key, []))
        self.doubled += sum(len(kinds) - 1 for kinds in seen.values())


def differing_bytes(found: bytes | None, expected: bytes | None) -> int:
    """Return in how many bytes two files differ; one that is absent differs in all, and at least in one."""
    if found == expected:
        return 0
    if found is None or expected is None:
        return max(1, len(found or expected or b""))
    pairs = sum(left != right for left, right in zip(found, expected, strict=False))
    return pairs + abs(len(found) - len(expected))


def outcomes(files: dict[str, bytes]) -> dict[tuple[str, str], list[str]]:
    """Return the outcomes in all manifests of batches, by (manifest, video)."""
    found: dict[tuple[str, str], list[str]] = {}
    for key, data in files.items():
        if key.endswith("/manifest.json") and not key.startswith("policy/"):
            manifest = json.loads(data)
            for unit in manifest.get("units", []) if isinstance(manifest, dict) else []:
                found.setdefault((key, unit["video_id"]), []).append(unit["outcome"])
    return found


def in_child(work: Callable[[], None], quiet: bool = False) -> int:
    """Run work in a fork; return its exit status, negative for a signal. What it prints is shown when it fails."""
    with tempfile.TemporaryFile("w+") as log:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
            status = 1
            try:
                work()
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        _, raw = os.waitpid(pid, 0)
        status = os.waitstatus_to_exitcode(raw)
        if status > 0 and not quiet:
            log.seek(0)
            print(log.read()[-4000:], file=sys.stderr)
    return status


def moments(work: Callable[[], None]) -> list[str]:
    """Return the moments at which work can be cut, in their order, by doing it once in a fork."""
    with tempfile.NamedTemporaryFile("r") as names:

        def counted() -> None:
            points = Points()
            points.install()
            try:
                work()
            finally:
                Path(names.name).write_text("\n".join(points.names))

        if in_child(counted):
            raise RuntimeError("the work that shall be killed does not end well by itself")
        return Path(names.name).read_text().splitlines()


def chosen(names: Sequence[str], share: float, rng: random.Random, skip: tuple[str, ...] = ()) -> Iterator[int]:
    """Yield numbers of moments (from 1), in order: a random share of them, at least one, without some kinds."""
    fitting = [number for number, name in enumerate(names, 1) if not name.startswith(skip or ("\0",))]
    count = max(1, round(len(fitting) * share)) if fitting else 0
    yield from sorted(rng.sample(fitting, count))


@dataclass(frozen=True)
class LocalPlace:
    """Where trials on a local store happen.

    Attributes:
        folder: for copies.
    """

    folder: Path
    #: Kinds of moments that are no different from another here.
    skip: tuple[str, ...] = ()

    @property
    def store(self) -> Store:
        """The store that is killed."""
        return Store(str(self.folder / "killed"))

    def reset(self, state: Path) -> None:
        """Make the store a copy of a state."""
        copy_state(state, self.folder / "killed")

    def files(self) -> dict[str, bytes]:
        """Return the store's files."""
        return local_files(self.folder / "killed")


@dataclass(frozen=True)
class S3Place:
    """Where trials on an S3 server happen: nothing of a write is in the bucket before it is whole."""

    bucket: Bucket
    prefix: str = "killed"
    skip: tuple[str, ...] = ("before ", "torn ")

    @property
    def store(self) -> Store:
        """The store that is killed; for use in forks only."""
        return Store(f"s3://{BUCKET}/{self.prefix}")

    def reset(self, state: Path) -> None:
        """Make the prefix a copy of a state."""
        self.bucket.replace_all(self.prefix, state)

    def files(self) -> dict[str, bytes]:
        """Return the prefix's objects."""
        return self.bucket.read_all(self.prefix)


def kill_everywhere(
    tally: Tally,
    name: str,
    before: Path,
    after: Path,
    place: LocalPlace | S3Place,
    work: Work,
    share: float,
    rng: random.Random,
) -> None:
    """Kill work on a store at each moment of a share of all, and finish it from there.

    Args:
        tally: is added to.
        name: of the work, for notes.
        before: a local copy of the state that the work starts from.
        after: of the state after an unbroken run.
        place: of the trials.
        work: is given the store.
        share: of the moments that are tried.
        rng: chooses them.
    """
    started, faults = time.monotonic(), tally.faults
    expected = comparable(local_files(after))
    place.reset(before)
    names = moments(lambda: work(place.store))
    for number in chosen(names, share, rng, place.skip):
        place.reset(before)

        def killed(number: int = number) -> None:
            Points(number).install()
            work(place.store)

        status = in_child(killed)
        tally.faults += 1
        if status != -signal.SIGKILL:
            tally.notes.append(f"{name}: not killed at {names[number - 1]} (exit {status})")
        if in_child(lambda: work(place.store)):
            tally.notes.append(f"{name}: the rerun after {names[number - 1]} failed")
        tally.compare(f"{name} killed at '{names[number - 1]}'", comparable(place.files()), expected)
    num, wall_s = tally.faults - faults, time.monotonic() - started
    print(f"{tally.name}: {name} at {num} of {len(names)} moments in {wall_s:.0f} s", flush=True)
