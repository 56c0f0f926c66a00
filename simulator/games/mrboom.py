"""Mr.Boom: drop bombs, be the last one standing; seen from above."""

from __future__ import annotations

from simulator.games.linux import Hold, LinuxSetup, tap
from simulator.games.spec import GameSpec, InputMap, free_play

GAME = GameSpec(
    name="MrBoom",
    title="Mr.Boom",
    backend="linux",
    width=960,
    height=600,
    control_hz=60,
    input_map=InputMap(
        buttons=(
            ("south", "bomb"),
            ("east", "remote"),
            ("dpad_left", "left"),
            ("dpad_right", "right"),
            ("dpad_up", "up"),
            ("dpad_down", "down"),
        ),
        axes=(("left_x", "move", 1.0), ("left_y", "move", 1.0)),
    ),
    tasks=(free_play("Blow up the others and not yourself"),),
    licence="MIT",
    setup=LinuxSetup(
        screen=(960, 600),
        packages=("mrboom",),
        command=("mrboom", "--nomusic"),
        boot=(Hold(200), *tap("south", wait=30), *tap("start", wait=120)),
    ),
)
