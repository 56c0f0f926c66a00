"""Powermanga: a shooter in space, seen from above."""

from __future__ import annotations

from typing import Final

from simulator.games.linux import Hold, LinuxSetup, tap_key
from simulator.games.rules import fact, holds
from simulator.games.spec import GameSpec, InputMap, Task
from simulator.games.variables import read_variables

#: Of the program as Debian 12 builds it.
_SHA256: Final = "cc146bffe1a178476146369c0a86b45b58eeb567a8277298f0c305bf092b2b64"
#: Name -> bytes from where the program is loaded.
_VARIABLES: Final = {"score": 0x1CB4FC}
#: Points that random pressing may get too, so the task is in no suite (docs/benchmarks.md).
_SCORE: Final = 40

GAME = GameSpec(
    name="Powermanga",
    title="Powermanga",
    backend="linux",
    width=640,
    height=400,
    control_hz=60,
    input_map=InputMap(
        buttons=(("south", "fire"), ("east", "option")),
        axes=(("left_x", "move", 1.0), ("left_y", "move", 1.0)),
    ),
    tasks=(
        Task(
            name="Score",
            kind="combat",
            goal=f"Score {_SCORE} points by shooting what comes.",
            time_limit_s=20.0,
            score=fact("score"),
            success=holds(("score", ">=", _SCORE)),
            ends_with_success=True,
        ),
    ),
    licence="GPL-3.0-or-later",
    setup=LinuxSetup(
        screen=(640, 400),
        packages=("powermanga",),
        home={"var/games/powermanga/powermanga.hi": ""},  # scores go to a file that is there, or nowhere
        # With sound its mixer draws from the game's own random numbers, in another thread.
        command=("powermanga", "--window", "--nosync", "--nosound"),
        copy_program=True,
        inspect=read_variables(_SHA256, _VARIABLES),
        idle_frames=40,
        boot=(Hold(100), *tap_key("space", wait=60), Hold(60, ("south",)), Hold(160)),
    ),
)
