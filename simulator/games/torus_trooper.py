"""Torus Trooper: a shooter on the inside of a tunnel."""

from __future__ import annotations

from simulator.games.linux import Hold, LinuxSetup, tap
from simulator.games.spec import GameSpec, InputMap, free_play

GAME = GameSpec(
    name="TorusTrooper",
    title="Torus Trooper",
    backend="linux",
    width=512,
    height=288,
    control_hz=60,
    input_map=InputMap(
        buttons=(("south", "shot"), ("east", "charge")),
        axes=(("left_x", "move", 1.0), ("left_y", "speed", 1.0)),
    ),
    tasks=(free_play("Go fast and shoot what comes"),),
    licence="BSD-2-Clause",
    setup=LinuxSetup(
        packages=("torus-trooper",),
        command=("torus-trooper", "-nosound", "-window", "-res", "{width}", "{height}"),
        boot=(Hold(60), *tap("south", wait=60), *tap("south", wait=90)),
    ),
)
