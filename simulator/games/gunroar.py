"""Gunroar: a gunboat seen from above."""

from __future__ import annotations

import struct
from typing import Final

from simulator.games.linux import Hold, LinuxSetup, tap
from simulator.games.spec import GameSpec, InputMap, free_play

#: A replay for the title, as the game's replay.d writes one: version, seed, score, turn speed, reversed fire, mode, and
#: one record, a minute at rest. Without one the title uses a generator that is not made yet, by the clock's luck.
_REPLAY: Final = struct.pack("<iqifii3i", 11, 1, 0, 1.0, 0, 0, 1, 3600, 0)

GAME = GameSpec(
    name="Gunroar",
    title="Gunroar",
    backend="linux",
    width=512,
    height=288,
    control_hz=60,
    input_map=InputMap(
        buttons=(("south", "shot"), ("east", "lance")),
        axes=(("left_x", "move", 1.0), ("left_y", "move", 1.0)),
    ),
    tasks=(free_play("Sink what comes"),),
    licence="BSD-2-Clause",
    setup=LinuxSetup(
        packages=("gunroar",),
        command=("gunroar", "-nosound", "-window", "-res", "{width}", "{height}"),
        home={".gunroar/last.rpl": _REPLAY},
        boot=(Hold(60), *tap("south", wait=90)),
    ),
)
