"""What a game is: how it is started, what the pad does in it, and which tasks are judged by program.

Each file of a game beside this one holds a `GAME`. Making one starts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ops.gamepad import AXES, BENCHMARK
from simulator.games.linux import LinuxSetup
from simulator.games.rules import Facts, never, no_score

#: What a task asks for.
KINDS: Final = ("combat", "navigation", "game-specific")


@dataclass(frozen=True)
class InputMap:
    """What each control of the pad is to the game; a control that is not named does nothing.

    Attributes:
        buttons: (pad button, the game's name of it) pairs.
        axes: (pad axis, the game's name of it, game units at full deflection) triples.
    """

    buttons: tuple[tuple[str, str], ...] = ()
    axes: tuple[tuple[str, str, float], ...] = ()

    def __post_init__(self) -> None:
        for button, _ in self.buttons:
            BENCHMARK.index(button)
        for axis, _, _ in self.axes:
            if axis not in AXES:
                raise ValueError(f"an input map has the axes {', '.join(AXES)}, got {axis!r}")

    @property
    def num_channels(self) -> int:
        """The number of inputs that the game gets."""
        return len(self.buttons) + len(self.axes)


@dataclass(frozen=True)
class Task:
    """A start state with rules that a program can judge.

    Attributes:
        name: in CamelCase; part of the environment's id.
        kind: one of `KINDS`.
        goal: one sentence for people.
        time_limit_s: game seconds after which an episode is truncated.
        score: facts -> the return so far; an environment's reward is its increase.
        success: facts -> whether the task is done well enough.
        ends_with_success: whether an episode terminates as soon as `success` holds.
        is_judged: whether `success` says anything.
        launch: what the backend needs to reach the start state.
    """

    name: str
    kind: str
    goal: str
    time_limit_s: float
    score: Callable[[Facts], float]
    success: Callable[[Facts], bool]
    ends_with_success: bool = False
    is_judged: bool = True
    launch: Mapping[str, Any] = field(default_factory=dict)


def free_play(goal: str) -> Task:
    """Return a minute of a game that no rule judges yet: every return is 0 and nothing succeeds."""
    return Task(
        name="Free",
        kind="game-specific",
        goal=f"{goal}; free play without a judge.",
        time_limit_s=60.0,
        score=no_score,
        success=never,
        is_judged=False,
    )


@dataclass(frozen=True)
class GameSpec:
    """A game and its tasks.

    Attributes:
        name: in CamelCase; part of the environment's id.
        title: the name that people know, with its art.
        backend: a name in `simulator.backends.BACKENDS`.
        width: default frame width in pixels.
        height: default frame height in pixels.
        control_hz: control frames per second of game time; one action lasts one of them.
        input_map: what the pad does.
        tasks: the tasks, the one to start with first.
        licence: of code and art, for recordings.
        setup: how the backend `linux` installs, starts and boots it; None for other backends.
    """

    name: str
    title: str
    backend: str
    width: int
    height: int
    control_hz: int
    input_map: InputMap
    tasks: tuple[Task, ...]
    licence: str
    setup: LinuxSetup | None = None

    def task(self, name: str) -> Task:
        """Return a task by name.

        Raises:
            ValueError: the game has no such task.
        """
        for task in self.tasks:
            if task.name == name:
                return task
        raise ValueError(f"{self.name} has no task {name!r}; it has {', '.join(task.name for task in self.tasks)}")
