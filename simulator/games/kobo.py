"""Kobo Deluxe: fly through space and destroy bases; seen from above."""

from __future__ import annotations

from typing import Final

from simulator.games.linux import STICK_KEY, Hold, LinuxSetup, tap_key
from simulator.games.rules import fact, holds
from simulator.games.spec import GameSpec, InputMap, Task
from simulator.games.variables import read_variables

#: Of the program as Debian 12 builds it.
_SHA256: Final = "11aec1fa8598effba604d76adea566a7d1a43b70425cadb7cc7c3ebbcbdb6d68"
#: Name -> bytes from where the program is loaded.
_VARIABLES: Final = {"score": 0xB1E4C, "ships": 0xB1E50}
#: Points that the scripted player gets and random pressing does not (docs/benchmarks.md).
_SCORE: Final = 15

GAME = GameSpec(
    name="KoboDeluxe",
    title="Kobo Deluxe",
    backend="linux",
    width=640,
    height=480,
    control_hz=60,
    input_map=InputMap(
        buttons=(("south", "Shift_L"),),
        axes=(("left_x", "Left|Right", STICK_KEY), ("left_y", "Up|Down", STICK_KEY)),
    ),
    tasks=(
        Task(
            name="Score",
            kind="combat",
            goal=f"Score {_SCORE} points by destroying bases and what flies around them.",
            time_limit_s=40.0,
            score=fact("score"),
            success=holds(("score", ">=", _SCORE)),
            ends_with_success=True,
        ),
    ),
    licence="GPL-2.0-or-later",
    setup=LinuxSetup(
        packages=("kobodeluxe",),
        command=("kobodl", "-nofullscreen", "-width", "{width}", "-height", "{height}", "-nosound"),
        input="keys",
        copy_program=True,
        inspect=read_variables(_SHA256, _VARIABLES),
        boot=(Hold(300), *tap_key("Return", wait=60) * 4, *tap_key("Shift_L", wait=120)),
    ),
)
