"""Mutate small clips for as long as is given, and look at each in the sandbox: frames or a typed reason, nothing else.

`python -m tests.chaos.fuzz --seconds 600 --seed 1 --keep FOLDER` writes down what a finding was made from.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ops.media.probe import probe
from ops.media.sandbox import call
from ops.outcomes import BadInputError, reason_class
from tests.chaos.hostile import LIMITS, REASONS, look_through
from tests.factories.media import make

_SEEDS = ("h264", "h264_faststart", "h264_fragments", "h264_mkv", "h264_ts", "h264_flv", "mpeg4_avi", "vp9", "hevc")
_MAX_BYTES = 200_000


@dataclass
class FuzzReport:
    """What a run found.

    Attributes:
        num_files: tried.
        classes: outcomes by class of reason; `ok` for files that could be read.
        findings: files that ended in anything else, with what that was.
    """

    num_files: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with a few changes: flipped, cut, doubled, moved, or numbers made extreme."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        if len(changed) < 16:
            break
        at = rng.randrange(len(changed) - 8)
        length = rng.randrange(1, min(4096, len(changed) - at))
        kind = rng.randrange(7)
        if kind < 2:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del changed[at : at + length]
        elif kind == 3:
            changed[at:at] = changed[at : at + length]
        elif kind == 4:
            changed[at : at + 4] = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1"))
        elif kind == 5:
            to = rng.randrange(len(changed))
            changed[to : to + length] = changed[at : at + length]
        else:
            del changed[rng.randrange(len(changed)) :]
    return bytes(changed[:_MAX_BYTES])


def fuzz(seconds: float, seed: int, keep: Path | None = None, least_files: int = 0) -> FuzzReport:
    """Try mutated clips until the time is over and so many are done; findings are kept as files."""
    rng, report = random.Random(seed), FuzzReport()
    with tempfile.TemporaryDirectory(prefix="overplay-fuzz-") as name:
        clips = {kind: make(kind, Path(name)) for kind in _SEEDS}
        stop = time.monotonic() + seconds
        while time.monotonic() < stop or report.num_files < least_files:
            kind = rng.choice(_SEEDS)
            path = Path(name) / f"mutant{clips[kind].suffix}"
            path.write_bytes(mutate(clips[kind].read_bytes(), rng))
            found = _look(path)
            report.num_files += 1
            report.classes[found if found in REASONS else "finding"] += 1
            if found not in REASONS:
                report.findings.append(f"{kind}, file {report.num_files} of seed {seed}: {found}")
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{seed}-{report.num_files}{path.suffix}").write_bytes(path.read_bytes())
    return report


def _look(path: Path) -> str:
    """Return the class of the reason why a file cannot be read; empty where it can."""
    try:
        call(probe, path, limits=LIMITS)
        call(look_through, path, limits=LIMITS)
    except BadInputError as error:
        return reason_class(str(error))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def main() -> None:
    """Fuzz and say what was found; exit code 1 where something was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=None)
    arguments = parser.parse_args()
    report = fuzz(arguments.seconds, arguments.seed, arguments.keep)
    print(f"{report.num_files} files: {dict(report.classes.most_common())}")
    for finding in report.findings:
        print(finding)
    raise SystemExit(bool(report.findings))


if __name__ == "__main__":
    main()
