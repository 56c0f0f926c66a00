"""Chocolate Doom (Freedoom: Phase 1): the first level, as the original engine drew it, 35 tics a second."""

from __future__ import annotations

from functools import partial
from typing import Final

from simulator.games.doom_memory import DoomReader, Layout
from simulator.games.linux import STICK_KEY, Hold, LinuxSetup
from simulator.games.rules import fact, holds
from simulator.games.spec import GameSpec, InputMap, Task

#: Shared with the other ports of the engine, which have the same keys and levels.
KEYS: Final = InputMap(
    buttons=(
        ("right_trigger", "Control_L"),
        ("south", "space"),
        ("left_trigger", "Shift_L"),
        ("left_shoulder", "comma"),
        ("right_shoulder", "period"),
    ),
    axes=(
        ("left_y", "Up|Down", STICK_KEY),
        ("left_x", "comma|period", STICK_KEY),
        ("right_x", "Left|Right", STICK_KEY),
    ),
)

#: Monsters to kill, and map units to get away: what the scripted player can do in half a minute (docs/benchmarks.md).
HUNTED: Final = 2
SCOUTED: Final = 1200.0

#: Of chocolate-doom 3.0 as Debian builds it.
_LAYOUT: Final = Layout(thing=-184, health=-140)


def hunt(num_kills: int) -> Task:
    """Return the task of killing so many monsters and staying alive."""
    return Task(
        name="Hunt",
        kind="combat",
        goal=f"Kill {num_kills} monsters and stay alive.",
        time_limit_s=30.0,
        score=fact("kills"),
        success=holds(("kills", ">=", num_kills), ("health", ">", 0)),
        ends_with_success=True,
    )


def scout(distance: float) -> Task:
    """Return the task of getting so far from the start, in map units as the crow flies."""
    return Task(
        name="Scout",
        kind="navigation",
        goal=f"Get {distance:g} units away from the start, alive.",
        time_limit_s=30.0,
        score=fact("farthest", unit=distance),
        success=holds(("farthest", ">=", distance), ("health", ">", 0)),
        ends_with_success=True,
    )


GAME = GameSpec(
    name="ChocolateDoom",
    title="Chocolate Doom (Freedoom: Phase 1)",
    backend="linux",
    width=320,
    height=240,
    control_hz=60,
    input_map=KEYS,
    tasks=(hunt(HUNTED), scout(SCOUTED)),
    licence="GPL-2.0-or-later (engine), BSD-3-Clause (Freedoom)",
    setup=LinuxSetup(
        packages=("chocolate-doom", "freedoom"),
        command=(
            "chocolate-doom",
            "-iwad",
            "/usr/share/games/doom/freedoom1.wad",
            "-warp",
            "1",
            "1",
            "-skill",
            "2",
            "-window",
            "-geometry",
            "{width}x{height}",
            "-nosound",
        ),
        input="keys",
        inspect=partial(DoomReader, layout=_LAYOUT),
        boot=(Hold(90),),
        idle_frames=40,  # the melting title
    ),
)
