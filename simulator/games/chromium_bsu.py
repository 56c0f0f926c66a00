"""Chromium B.S.U.: a shooter that scrolls upwards. Its pad support is off in Debian's build."""

from __future__ import annotations

from simulator.games.linux import Hold, LinuxSetup, tap_key
from simulator.games.spec import GameSpec, InputMap, free_play

GAME = GameSpec(
    name="ChromiumBSU",
    title="Chromium B.S.U.",
    backend="linux",
    width=640,
    height=480,
    control_hz=60,
    input_map=InputMap(
        buttons=(("south", "space"),),
        axes=(("left_x", "Left|Right", 0.3), ("left_y", "Up|Down", 0.3)),
    ),
    tasks=(free_play("Let nobody pass"),),
    licence="Clarified Artistic License",
    setup=LinuxSetup(
        screen=(640, 480),
        packages=("chromium-bsu",),
        command=("chromium-bsu", "--window", "--noaudio", "--vidmode", "1"),
        input="keys",
        boot=(Hold(60), *tap_key("Return", wait=90)),
    ),
)
