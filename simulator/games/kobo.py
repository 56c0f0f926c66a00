"""Kobo Deluxe: fly through space and destroy bases; seen from above."""

from __future__ import annotations

from simulator.games.linux import Hold, LinuxSetup, tap_key
from simulator.games.spec import GameSpec, InputMap, free_play

GAME = GameSpec(
    name="KoboDeluxe",
    title="Kobo Deluxe",
    backend="linux",
    width=640,
    height=480,
    control_hz=60,
    input_map=InputMap(
        buttons=(("south", "Shift_L"),),
        axes=(("left_x", "Left|Right", 0.3), ("left_y", "Up|Down", 0.3)),
    ),
    tasks=(free_play("Destroy the bases"),),
    licence="GPL-2.0-or-later",
    setup=LinuxSetup(
        packages=("kobodeluxe",),
        command=("kobodl", "-nofullscreen", "-width", "{width}", "-height", "{height}", "-nosound"),
        input="keys",
        copy_program=True,
        boot=(Hold(300), *tap_key("Return", wait=60) * 4, *tap_key("Shift_L", wait=120)),
    ),
)
