"""Neverball: tilt the floor, roll the ball to the goal. Success is read from the replay that the game writes."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from simulator.games.linux import Hold, LinuxSetup, tap
from simulator.games.spec import GameSpec, InputMap, Task

#: Replay header (share/base_config.h, version 9): magic, version, time, coins, status, mode as little-endian int32.
_HEADER = struct.Struct("<6i")
_GOAL, _FALL = 2, 3
_SETTINGS = """fullscreen 0
width {width}
height {height}
shadow 0
background 0
reflection 0
mipmap 0
aniso 0
multisample 0
joystick 1
joystick_axis_x1 3
joystick_axis_y1 4
joystick_button_start 7
"""


def probe(home: Path) -> Mapping[str, float]:
    """Return `coins`, `goal` and `fall` of the attempt once it ended, and then `running` 0: a menu would follow."""
    path = home / ".neverball" / "Replays" / "Last.nbr"
    data = path.read_bytes()[: _HEADER.size] if path.exists() else b""
    if len(data) < _HEADER.size:
        return {"coins": 0.0, "goal": 0.0, "fall": 0.0}
    _, _, _, coins, status, _ = _HEADER.unpack(data)
    facts = {"coins": float(coins), "goal": float(status == _GOAL), "fall": float(status == _FALL)}
    return facts if status == 0 else {**facts, "running": 0.0}


def _roll(name: str, level: str) -> Task:
    return Task(
        name=name,
        kind="navigation",
        goal="Collect the coins that open the goal and roll into it without falling off.",
        time_limit_s=60.0,
        score=lambda facts: facts["coins"] + 100 * facts["goal"],
        success=lambda facts: facts["goal"] == 1,
        launch={"arguments": ("-l", level)},
    )


GAME = GameSpec(
    name="Neverball",
    title="Neverball",
    backend="linux",
    width=512,
    height=288,
    control_hz=60,
    input_map=InputMap(
        buttons=(("left_shoulder", "rotate left"), ("right_shoulder", "rotate right")),
        axes=(("left_x", "tilt sideways", 1.0), ("left_y", "tilt forward", 1.0), ("right_x", "rotate", 1.0)),
    ),
    tasks=(_roll("Easy", "map-easy/easy.sol"), _roll("Bumper", "map-easy/bumper.sol")),
    licence="GPL-2.0-or-later",
    setup=LinuxSetup(
        packages=("neverball",),
        command=("neverball",),
        home={".neverball/neverballrc": _SETTINGS},
        boot=(Hold(60), *tap("south", wait=240)),  # ready, set, go
        probe=probe,
    ),
)
