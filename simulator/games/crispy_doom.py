"""Crispy Doom (Freedoom: Phase 2): the first level, in a wide view."""

from __future__ import annotations

from simulator.games.chocolate_doom import KEYS, LEVEL
from simulator.games.linux import Hold, LinuxSetup
from simulator.games.spec import GameSpec

GAME = GameSpec(
    name="CrispyDoom",
    title="Crispy Doom (Freedoom: Phase 2)",
    backend="linux",
    width=512,
    height=288,
    control_hz=60,
    input_map=KEYS,
    tasks=(LEVEL,),
    licence="GPL-2.0-or-later (engine), BSD-3-Clause (Freedoom)",
    setup=LinuxSetup(
        packages=("crispy-doom", "freedoom"),
        command=("crispy-doom", "-iwad", "/usr/share/games/doom/freedoom2.wad", "-warp", "1", "-skill", "3",
                 "-window", "-geometry", "{width}x{height}", "-nosound"),
        input="keys",
        boot=(Hold(90),),  # the melting title
    ),
)  # fmt: skip
