"""Neverball: tilt the floor, roll the ball to the goal. Success is read from the replay that the game writes."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from simulator.games.linux import Hold, LinuxSetup, Memory, Reader, tap
from simulator.games.rules import Sum, holds
from simulator.games.spec import GameSpec, InputMap, Task

#: Replay header (share/base_config.h, version 9): magic, version, time, coins, status, mode as little-endian int32.
_HEADER: Final = struct.Struct("<6i")
#: Values of its status.
_GOAL: Final = 2
_FALL: Final = 3
#: What the goal counts beside coins: more than a level has.
_GOAL_SCORE: Final = 100.0
#: A view in the program's memory: its distances from the ball, by which it is found, are the game's defaults.
_VIEW: Final = struct.Struct("<3f3f3f9f")
_DISTANCES: Final = struct.pack("<3f", 0.25, 0.75, 2.0)
_SETTINGS: Final = """fullscreen 0
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


def read_view(memory: Memory) -> Reader:
    """Return what reads the ball's place `x`, `z` in metres and the view's `heading`: radians to the right of -z.

    Raises:
        ValueError: no view is in the program's variables.
    """
    places = memory.find(_DISTANCES)
    if not places:
        raise ValueError("expected a view in the program's variables, found none")

    def read() -> Mapping[str, float]:
        _, _, _, x, _, z, _, _, _, right_x, _, right_z, *_ = _VIEW.unpack(memory.read(places[0], _VIEW.size))
        return {"x": x, "z": z, "heading": math.atan2(right_z, right_x)}

    return read


def _roll(name: str, level: str, limit_s: float) -> Task:
    return Task(
        name=name,
        kind="navigation",
        goal="Collect the coins that open the goal and roll into it without falling off.",
        time_limit_s=limit_s,
        score=Sum((("coins", 1.0), ("goal", _GOAL_SCORE))),
        success=holds(("goal", "==", 1)),
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
    tasks=(
        _roll("Easy", "map-easy/easy.sol", 30.0),
        _roll("Coins", "map-easy/coins.sol", 40.0),
        _roll("Bumper", "map-easy/bumper.sol", 60.0),
    ),
    licence="GPL-2.0-or-later",
    setup=LinuxSetup(
        packages=("neverball",),
        command=("neverball",),
        home={".neverball/neverballrc": _SETTINGS},
        boot=(Hold(60), *tap("south", wait=240)),  # ready, set, go
        probe=probe,
        inspect=read_view,
    ),
)
