"""Perceptual fingerprints of videos: the same picture in another size, codec or cut gives nearly the same codes.

After Oostveen, Kalker, Haitsma: Feature Extraction and a Database Strategy for Video Fingerprinting (2002). A picture
is a grid of mean luma; a code of 27 bits says, for neighbours of the grid, whose difference grew over the last second.
Codes are taken four times a second of means over a second: two cuts of a video need not start on the same frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

VERSION: Final = "1"
#: Rows and columns of the grid, as in the paper but for a row: 3 x 9 differences.
GRID: Final = (3, 10)
#: Seconds between codes.
STEP_S: Final = 0.25
#: Steps that a mean takes: one second, so that two cuts need not start on the same frame.
_WINDOW: Final = 4
#: Steps between the two means of a difference.
_BACK: Final = 4
#: Share of the earlier difference that counts, as in the paper: still pictures get codes too.
_KEPT: Final = 0.95
#: Mean change of luma below which a code is noise.
_STILL: Final = 0.35
#: Share of a short video's codes that its sketch holds, the surest ones. Chosen by eye.
_SKETCH_SHARE: Final = 0.5
#: Codes of a long video's sketch. Chosen by eye: some kilobytes a video.
_SKETCH_MOST: Final = 256
#: Bits of a code that a look-up tries both ways, the least sure ones.
_TRIED: Final = 4
#: Most bits that may differ, as a share: re-encoded cuts of the demo's clips differ in .10 to .17, other clips of the
#: same games, at the shift that suits them best, in .34 and more (docs/benchmarks.md).
MAX_ERROR: Final = 0.25
_BITS: Final = GRID[0] * (GRID[1] - 1)
#: Share of the shorter video's codes over which two must agree.
MIN_SHARE: Final = 0.5
#: Seconds over which two must agree.
MIN_OVERLAP_S: Final = 10.0

Codes = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Fingerprint:
    """Codes of a video.

    Attributes:
        steps: (n,) int32, the time of each code in steps of `STEP_S`; rising, with gaps where nothing moves.
        codes: (n,) uint32.
        sureness: (n,) float32, how far the third least sure bit of each was from tipping over, in luma.
        weak: (n, 4) uint8, numbers of its least sure bits.
    """

    steps: npt.NDArray[np.int32]
    codes: Codes
    sureness: npt.NDArray[np.float32]
    weak: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.codes)

    def sketch(self) -> Fingerprint:
        """Return the surest codes, which other copies have too; a look-up goes by them."""
        count = min(_SKETCH_MOST, round(len(self) * _SKETCH_SHARE))
        chosen = np.sort(np.argsort(-self.sureness, kind="stable")[:count])
        return Fingerprint(self.steps[chosen], self.codes[chosen], self.sureness[chosen], self.weak[chosen])

    def guesses(self) -> tuple[npt.NDArray[np.int32], Codes]:
        """Return (steps, codes) with the least sure bits of each code tried both ways."""
        bits = np.left_shift(np.uint32(1), self.weak.astype(np.uint32))
        tries = [
            np.bitwise_xor.reduce(np.where([bool(mask >> k & 1) for k in range(_TRIED)], bits, 0), axis=1)
            for mask in range(1 << _TRIED)
        ]
        return np.tile(self.steps, len(tries)), np.concatenate([self.codes ^ flips for flips in tries]).astype(
            np.uint32
        )


@dataclass(frozen=True)
class Overlap:
    """How two videos agree at a shift.

    Attributes:
        shift: steps by which the second is later.
        seconds: of codes that both have there.
        share: of the shorter one's codes.
        error: mean share of bits that differ.
    """

    shift: int
    seconds: float
    share: float
    error: float

    @property
    def same(self) -> bool:
        """Whether this is one video, seen twice."""
        return self.error <= MAX_ERROR and self.share >= MIN_SHARE and self.seconds >= MIN_OVERLAP_S


_NONE: Final = Fingerprint(
    np.zeros(0, np.int32), np.zeros(0, np.uint32), np.zeros(0, np.float32), np.zeros((0, _TRIED), np.uint8)
)


def fingerprint_frames(frames: Iterable[tuple[float, npt.NDArray[np.uint8]]]) -> Fingerprint:
    """Return the fingerprint of frames, each (pts in seconds, (h, w) uint8 luma), in order of time."""
    sums: dict[int, npt.NDArray[np.float64]] = {}
    counts: dict[int, int] = {}
    for time_s, luma in frames:
        step = int(np.floor(time_s / STEP_S))
        sums[step] = sums.get(step, np.zeros(GRID)) + _grid(luma)
        counts[step] = counts.get(step, 0) + 1
    if not sums:
        return _NONE
    means = np.full((max(sums) + 1, *GRID), np.nan)
    for step, total in sums.items():
        if step >= 0:
            means[step] = total / counts[step]
    return _codes(means)


def _grid(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the mean luma of each cell."""
    rows, columns = (
        np.linspace(0, size, parts + 1).astype(int)[:-1] for size, parts in zip(luma.shape, GRID, strict=True)
    )
    sums = np.add.reduceat(np.add.reduceat(luma.astype(np.float64), rows, axis=0), columns, axis=1)
    areas = np.outer(np.diff([*rows, luma.shape[0]]), np.diff([*columns, luma.shape[1]]))
    return np.asarray(sums / areas)


def _codes(means: npt.NDArray[np.float64]) -> Fingerprint:
    """Return codes of means by step (n, rows, columns), NaN where there are none."""
    padded = np.concatenate([np.zeros((1, *GRID)), np.cumsum(np.nan_to_num(means), axis=0)])
    known = np.concatenate([[0], np.cumsum(~np.isnan(means[:, 0, 0]))])
    if len(means) < _WINDOW + _BACK:
        return _NONE
    number = known[_WINDOW:] - known[:-_WINDOW]
    smooth = (padded[_WINDOW:] - padded[:-_WINDOW]) / np.maximum(number, 1)[:, None, None]
    sides = np.diff(smooth, axis=2)
    change = (sides[_BACK:] - _KEPT * sides[:-_BACK]).reshape(-1, _BITS)
    moved = np.abs(smooth[_BACK:] - smooth[:-_BACK]).mean(axis=(1, 2))
    valid = (moved >= _STILL) & (number[_BACK:] > _WINDOW // 2) & (number[:-_BACK] > _WINDOW // 2)
    weights = np.left_shift(np.uint32(1), np.arange(_BITS, dtype=np.uint32))
    codes = ((change > 0) * weights).sum(axis=1, dtype=np.uint32)
    order = np.argsort(np.abs(change), axis=1, kind="stable")
    sureness = np.abs(np.take_along_axis(change, order[:, 2:3], axis=1))[:, 0].astype(np.float32)
    steps = np.flatnonzero(valid).astype(np.int32) + np.int32(_BACK)
    return Fingerprint(steps, codes[valid], sureness[valid], order[valid, :_TRIED].astype(np.uint8))


def compare(first: Fingerprint, second: Fingerprint, shift: int) -> Overlap:
    """Return how two fingerprints agree where the second is later by some steps."""
    _, mine, other = np.intersect1d(first.steps + shift, second.steps, assume_unique=True, return_indices=True)
    shorter = min(len(first), len(second))
    if not len(mine):
        return Overlap(shift, 0.0, 0.0, 1.0)
    differing = np.bitwise_count(first.codes[mine] ^ second.codes[other])
    return Overlap(shift, len(mine) * STEP_S, len(mine) / shorter, float(differing.mean()) / _BITS)
