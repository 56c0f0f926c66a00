"""Powermanga: a shooter in space, seen from above."""

from __future__ import annotations

from simulator.games.linux import Hold, LinuxSetup, tap_key
from simulator.games.spec import GameSpec, InputMap, free_play

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
    tasks=(free_play("Shoot what comes and stay alive"),),
    licence="GPL-3.0-or-later",
    setup=LinuxSetup(
        packages=("powermanga",),
        home={"var/games/powermanga/powermanga.hi": ""},  # scores go to a file that is there, or nowhere
        # With sound its mixer draws from the game's own random numbers, in another thread.
        command=("powermanga", "--window", "--nosync", "--nosound"),
        copy_program=True,
        boot=(Hold(100), *tap_key("space", wait=60), Hold(60, ("south",)), Hold(160)),
    ),
)
