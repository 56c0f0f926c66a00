"""Replays as a check (the paper's Appendix B.1): equal inputs from an equal start give equal frames, pauses or not.

Two runs start a fresh process from one seed; the second is paused at random. Frames are compared by hash. Where they
part for the first time, the frame of the first run is made again, for a picture of both.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ops.gamepad import AXES, BENCHMARK
from simulator.protocol import Backend, Frame

#: Menu buttons stay up: a paused game replays trivially.
_MASKED: Final = ("back", "start")
#: [least, most) control frames that an input is held for.
_HOLD_FRAMES: Final = (6, 30)
#: Probability that a button is held.
_PRESS_SHARE: Final = 0.2
#: Probability of a pause after a frame; chosen, not measured.
_PAUSE_SHARE: Final = 0.02
#: Longest pause in real seconds.
_PAUSE_MAX_S: Final = 0.2
#: Bytes of a frame's hash.
_HASH_BYTES: Final = 16


@dataclass(frozen=True)
class ReplayReport:
    """Two runs of the same inputs; JSON-able by `to_dict`.

    Attributes:
        game: name of the game.
        task: name of the task.
        num_frames: frames that both runs showed; fewer than asked for where the game ended.
        num_identical: of them, equal in every pixel.
        num_distinct: different pictures in the first run; a still menu would replay trivially.
        first_divergence: index of the first frame that differs, -1 for none.
        pauses: whether the second run was paused at random, in 2 % of the frames for up to 0.2 s.
        steps_per_s: frames per second of the first run, without starting.
        start_s: real seconds from nothing to the start state, in the first run.
        stalls: times the stall rule had to move time, in the first run.
        ended: whether the game ended by itself in either run.
    """

    game: str
    task: str
    num_frames: int
    num_identical: int
    num_distinct: int
    first_divergence: int
    pauses: bool
    steps_per_s: float
    start_s: float
    stalls: int
    ended: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        return asdict(self)


@dataclass
class _Run:
    hashes: list[bytes]
    steps_per_s: float
    start_s: float
    stalls: int
    ended: bool
    kept: Frame | None


def random_inputs(seed: int) -> Iterator[tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]]:
    """Yield pad states without end, (buttons (16,), sticks (4,)) a frame, each held for 6 to 30 frames."""
    rng = np.random.default_rng(seed)
    while True:
        buttons = (rng.random(BENCHMARK.num_buttons) < _PRESS_SHARE).astype(np.int8)
        buttons[[BENCHMARK.index(name) for name in _MASKED]] = 0
        sticks = rng.uniform(-1, 1, len(AXES)).astype(np.float32)
        for _ in range(int(rng.integers(*_HOLD_FRAMES))):
            yield buttons, sticks


def replay_check(
    make: Callable[[], Backend],
    game: str,
    task: str,
    num_frames: int,
    seed: int = 0,
    pauses: bool = True,
    picture: Path | None = None,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> ReplayReport:
    """Run a game twice and compare every frame.

    Args:
        make: gives a backend that is not started yet.
        game: for the report.
        task: for the report.
        num_frames: control frames to compare, at least 1.
        seed: of the game, the inputs and the pauses.
        pauses: whether the second run is paused at random.
        picture: PNG to write where the runs part: first run, second run, difference.
        advance: told the number of frames done and the total over both runs.
    """
    if num_frames < 1:
        raise ValueError(f"expected at least 1 frame, got {num_frames}")
    one = _run(make, num_frames, seed, None, lambda hashes: False, lambda done: advance(done, 2 * num_frames))

    def parts(hashes: list[bytes]) -> bool:
        return len(hashes) <= len(one.hashes) and hashes[-1] != one.hashes[len(hashes) - 1]

    pause = np.random.default_rng([seed, 1]) if pauses else None
    two = _run(make, num_frames, seed, pause, parts, lambda done: advance(num_frames + done, 2 * num_frames))
    both = list(zip(one.hashes, two.hashes, strict=False))
    first = next((index for index, (a, b) in enumerate(both) if a != b), -1)
    if first >= 0 and picture is not None and two.kept is not None:
        again = _run(make, first + 1, seed, None, lambda hashes: len(hashes) == first + 1, lambda done: None)
        _save(picture, again.kept if again.kept is not None else np.zeros_like(two.kept), two.kept)
    return ReplayReport(
        game=game,
        task=task,
        num_frames=len(both),
        num_identical=sum(a == b for a, b in both),
        num_distinct=len(set(one.hashes)),
        first_divergence=first,
        pauses=pauses,
        steps_per_s=round(one.steps_per_s, 1),
        start_s=round(one.start_s, 2),
        stalls=one.stalls,
        ended=one.ended or two.ended,
    )


def _run(
    make: Callable[[], Backend],
    num_frames: int,
    seed: int,
    pause: np.random.Generator | None,
    keep: Callable[[list[bytes]], bool],
    advance: Callable[[int], None],
) -> _Run:
    """Play a run; the first frame for which `keep` holds, told the hashes so far, is kept."""
    backend = make()
    hashes: list[bytes] = []
    kept: Frame | None = None
    try:
        began = time.monotonic()
        backend.launcher.start(seed)
        started = time.monotonic()
        for buttons, sticks in random_inputs(seed):
            backend.pad.set(buttons, sticks)
            if len(hashes) == num_frames or not backend.clock.advance(1):
                break
            if pause is not None and pause.random() < _PAUSE_SHARE:
                time.sleep(float(pause.uniform(0, _PAUSE_MAX_S)))
            frame = backend.capture.grab()
            hashes.append(hashlib.blake2b(frame.data, digest_size=_HASH_BYTES).digest())
            if kept is None and keep(hashes):
                kept = frame
            advance(len(hashes))
        rate = len(hashes) / max(time.monotonic() - started, 1e-9)
        stalls = int(backend.launcher.facts().get("stalls", 0))
    finally:
        backend.launcher.stop()
    return _Run(hashes, rate, started - began, stalls, len(hashes) < num_frames, kept)


def _save(path: Path, one: Frame, two: Frame) -> None:
    from ops.drawing.pictures import encode

    difference = np.abs(one.astype(np.int16) - two.astype(np.int16)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(np.hstack([one, two, difference])))
