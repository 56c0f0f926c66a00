"""Chocolate Doom (Freedoom: Phase 1): the first level, as the original engine drew it, 35 tics a second."""

from __future__ import annotations

from simulator.games.linux import Hold, LinuxSetup
from simulator.games.spec import GameSpec, InputMap, free_play

#: Shared with the other ports of the engine, which have the same keys and levels.
KEYS = InputMap(
    buttons=(("right_trigger", "Control_L"), ("south", "space"), ("left_trigger", "Shift_L"),
             ("left_shoulder", "comma"), ("right_shoulder", "period")),
    axes=(("left_y", "Up|Down", 0.3), ("left_x", "comma|period", 0.3), ("right_x", "Left|Right", 0.3)),
)  # fmt: skip
LEVEL = free_play("Find the way through the level and shoot what comes")

GAME = GameSpec(
    name="ChocolateDoom",
    title="Chocolate Doom (Freedoom: Phase 1)",
    backend="linux",
    width=320,
    height=240,
    control_hz=60,
    input_map=KEYS,
    tasks=(LEVEL,),
    licence="GPL-2.0-or-later (engine), BSD-3-Clause (Freedoom)",
    setup=LinuxSetup(
        packages=("chocolate-doom", "freedoom"),
        command=("chocolate-doom", "-iwad", "/usr/share/games/doom/freedoom1.wad", "-warp", "1", "1", "-skill", "3",
                 "-window", "-geometry", "{width}x{height}", "-nosound"),
        input="keys",
        boot=(Hold(90),),  # the melting title
    ),
)  # fmt: skip
