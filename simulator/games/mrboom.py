"""Mr.Boom: drop bombs, be the last one standing; seen from above."""

from __future__ import annotations

from simulator.games.linux import Hold, LinuxSetup, tap
from simulator.games.spec import GameSpec, InputMap, Task

GAME = GameSpec(
    name="MrBoom",
    title="Mr.Boom",
    backend="linux",
    width=960,
    height=600,
    control_hz=60,
    input_map=InputMap(
        buttons=(("south", "bomb"), ("east", "remote"), ("dpad_left", "left"), ("dpad_right", "right"),
                 ("dpad_up", "up"), ("dpad_down", "down")),
        axes=(("left_x", "move", 1.0), ("left_y", "move", 1.0)),
    ),
    tasks=(
        Task(
            name="Free",
            kind="game-specific",
            goal="Blow up the others and not yourself; free play without a judge.",
            time_limit_s=60.0,
            score=lambda facts: 0.0,
            success=lambda facts: False,
        ),
    ),
    licence="MIT",
    setup=LinuxSetup(
        packages=("mrboom",),
        command=("mrboom", "--nomusic"),
        boot=(Hold(200), *tap("south", wait=30), *tap("start", wait=120)),
    ),
)  # fmt: skip
