"""Extreme Tux Racer: down the slope. SFML looks for pads through libudev only, so that keys stand for the pad."""

from __future__ import annotations

from simulator.games.linux import Hold, LinuxSetup, tap_key
from simulator.games.spec import GameSpec, InputMap, free_play

_SETTINGS = "[fullscreen] 0\n[res_type] 0\n[framerate] 60\n[perf_level] 1\n[sound_volume] 0\n[music_volume] 0\n"

GAME = GameSpec(
    name="ExtremeTuxRacer",
    title="Extreme Tux Racer",
    backend="linux",
    width=640,
    height=480,
    control_hz=60,
    input_map=InputMap(
        buttons=(("south", "space"), ("west", "t")),
        axes=(("left_x", "Left|Right", 0.3), ("left_y", "Up|Down", 0.3)),
    ),
    tasks=(free_play("Slide down the slope, fast, and catch herring"),),
    licence="GPL-2.0-or-later",
    setup=LinuxSetup(
        packages=("extremetuxracer",),
        command=("etr",),
        home={".config/etr/options": _SETTINGS},
        input="keys",
        vsync="always",
        boot=(Hold(120), *tap_key("Return", wait=60) * 3, *tap_key("Return", wait=120)),
    ),
)
