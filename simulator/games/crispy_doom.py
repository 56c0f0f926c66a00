"""Crispy Doom (Freedoom: Phase 2): the first level, in a wide view."""

from __future__ import annotations

from functools import partial
from typing import Final

from simulator.games.chocolate_doom import HUNTED, KEYS, SCOUTED, hunt, scout
from simulator.games.doom_memory import DoomReader, Layout
from simulator.games.linux import Hold, LinuxSetup
from simulator.games.spec import GameSpec

#: Of crispy-doom 5.12 as Debian builds it.
_LAYOUT: Final = Layout(thing=-200, health=-152)

GAME = GameSpec(
    name="CrispyDoom",
    title="Crispy Doom (Freedoom: Phase 2)",
    backend="linux",
    width=512,
    height=288,
    control_hz=60,
    input_map=KEYS,
    tasks=(hunt(HUNTED), scout(SCOUTED)),
    licence="GPL-2.0-or-later (engine), BSD-3-Clause (Freedoom)",
    setup=LinuxSetup(
        packages=("crispy-doom", "freedoom"),
        command=(
            "crispy-doom",
            "-iwad",
            "/usr/share/games/doom/freedoom2.wad",
            "-warp",
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
