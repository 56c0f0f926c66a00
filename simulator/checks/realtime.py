"""Play while time goes on: the game never waits, and the policy thinks in a thread while its last chunk is played.

A chunk answers the frame that the policy saw. When it arrives, its first actions are already past and are dropped.
Where a chunk ends before the next one arrives, its last action is held.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any

import numpy as np
import numpy.typing as npt

from ops.gamepad import AXES, BENCHMARK
from simulator.env import GameEnv
from simulator.play.policies import ActionChunk, Policy
from simulator.protocol import Frame


@dataclass
class RealtimeReport:
    """One episode in real time.

    Attributes:
        seed: of the environment and the policy.
        episode_return: sum of rewards.
        success: whether the task's rule held at the end.
        num_frames: control frames played.
        num_chunks: chunks that were played from.
        num_dropped: actions that were past when their chunk arrived.
        num_held: frames on which no action was left and the last one was held.
        delays_s: of each chunk, from its frame to its arrival.
        wall_s: real seconds of the episode.
        film: kept frames, each (height, width, 3) uint8.
        buttons: (num_frames, 16) int8, what was played.
        sticks: (num_frames, 4) float32, what was played.
    """

    seed: int
    episode_return: float = 0.0
    success: bool = False
    num_frames: int = 0
    num_chunks: int = 0
    num_dropped: int = 0
    num_held: int = 0
    delays_s: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    film: list[Frame] = field(default_factory=list)
    buttons: npt.NDArray[np.int8] = field(default_factory=lambda: np.zeros((0, BENCHMARK.num_buttons), np.int8))
    sticks: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, len(AXES)), np.float32))


class _Thinker:
    """Asks a policy in a thread, always about the newest frame."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._changed = Condition()
        self._seen: tuple[int, Frame] | None = None
        self._answer: tuple[int, ActionChunk] | None = None
        self._error: Exception | None = None
        self._is_over = False
        self._thread = Thread(target=self._think, daemon=True, name="policy")
        self._thread.start()

    def show(self, index: int, observation: Frame) -> None:
        """Offer a frame; an older one that was not looked at is forgotten."""
        with self._changed:
            self._seen = (index, observation)
            self._changed.notify_all()

    def take(self) -> tuple[int, ActionChunk] | None:
        """Return (index of its frame, chunk) where a new one has arrived; raises what the policy raised."""
        with self._changed:
            if self._error is not None:
                raise self._error
            answer, self._answer = self._answer, None
            return answer

    def stop(self) -> None:
        """Let the thread end."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._thread.join()

    def _think(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_over or self._seen is not None)
                if self._is_over or self._seen is None:
                    return
                (index, observation), self._seen = self._seen, None
            try:
                chunk = self._policy.act(observation)
            except Exception as error:  # the player raises it
                with self._changed:
                    self._error = error
                return
            with self._changed:
                self._answer = (index, chunk)


def play_realtime(
    policy: Policy,
    env: GameEnv,
    seed: int,
    film_every: int = 0,
    now: Callable[[], float] = time.monotonic,
) -> RealtimeReport:
    """Play one episode while time goes on.

    Args:
        policy: acts on the frames, in another thread.
        env: an environment made with `mode="realtime"`; it stays open.
        seed: of environment and policy.
        film_every: keep every so-many-th frame from the first on; 0 keeps none.
        now: real seconds.

    Raises:
        Exception: what the policy raised.
    """
    observation, info = env.reset(seed=seed)
    policy.reset(seed)
    report, thinker = RealtimeReport(seed), _Thinker(policy)
    played: list[dict[str, Any]] = []
    shown_at: dict[int, float] = {}
    chunk, first = ActionChunk.single(), 0
    began, over = now(), False
    try:
        while not over:
            index = len(played)
            if film_every and index % film_every == 0:
                report.film.append(observation)
            shown_at[index] = now()
            thinker.show(index, observation)
            if (answer := thinker.take()) is not None:
                first, chunk = answer
                report.num_chunks += 1
                report.num_dropped += min(index - first, chunk.num_actions)
                report.delays_s.append(now() - shown_at[first])
            report.num_held += index - first >= chunk.num_actions
            action = chunk.action(min(index - first, chunk.num_actions - 1))
            observation, reward, terminated, truncated, info = env.step(action)
            played.append(action)
            report.episode_return += reward
            over = terminated or truncated
    finally:
        thinker.stop()
    report.success, report.num_frames, report.wall_s = bool(info["success"]), len(played), now() - began
    report.buttons = np.stack([action["buttons"] for action in played]).astype(np.int8)
    report.sticks = np.stack([action["sticks"] for action in played]).astype(np.float32)
    return report
