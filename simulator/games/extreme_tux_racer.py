"""Extreme Tux Racer: down the slope. SFML looks for pads through libudev, where the clock library shows its own."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from simulator.games.linux import Hold, LinuxSetup, Memory, Reader, tap_key
from simulator.games.rules import fact, holds
from simulator.games.spec import GameSpec, InputMap, Task
from simulator.games.variables import check_build

_SETTINGS: Final = "[fullscreen] 0\n[res_type] 0\n[framerate] 60\n[perf_level] 1\n[sound_volume] 0\n[music_volume] 0\n"
_SHA256: Final = "178538fdde97c72feb578be05b13c2ae26304ffba5dd65366daea647447fe917"
#: Offsets in bytes, of etr 0.8.2 as Debian builds it: the list of players, from where the program is loaded.
_PLAYERS: Final = 0x8E0C0
#: A player's control, from the player.
_CONTROL: Final = 0x20
#: The control's place, from the control: x, y, z, of which z falls downhill.
_PLACE: Final = 0x190


def _read_place(memory: Memory) -> Reader:
    check_build(memory, _SHA256)

    def pointer(address: int) -> int:
        value: int = struct.unpack("<Q", memory.read(address, 8))[0]
        return value

    place = pointer(pointer(memory.base + _PLAYERS) + _CONTROL) + _PLACE
    struct_at = struct.Struct("<3d")

    def read() -> Mapping[str, float]:
        x, y, z = struct_at.unpack(memory.read(place, struct_at.size))
        return {"x": x, "height": y, "downhill": -z}

    read()
    return read


def _slide(name: str, goal: str, kind: str, distance: float, limit_s: float) -> Task:
    return Task(
        name=name,
        kind=kind,
        goal=goal,
        time_limit_s=limit_s,
        score=fact("downhill", unit=distance),
        success=holds(("downhill", ">=", distance)),
        ends_with_success=True,
    )


GAME = GameSpec(
    name="ExtremeTuxRacer",
    title="Extreme Tux Racer",
    backend="linux",
    width=320,
    height=240,
    control_hz=60,
    input_map=InputMap(
        buttons=(("south", "paddle"), ("east", "jump")),
        axes=(("left_x", "steer", 1.0), ("left_y", "brake", 1.0)),
    ),
    tasks=(_slide("Descend", "Get 150 m down the slope in time.", "navigation", 150.0, 12.5),),
    licence="GPL-2.0-or-later",
    setup=LinuxSetup(
        packages=("extremetuxracer",),
        command=("etr",),
        home={".config/etr/options": _SETTINGS},
        vsync="always",
        # Its menus are quicker by keys: an event, its first cup, its first race, past the entrance.
        boot=(Hold(120), *tap_key("Return", wait=60) * 4, *tap_key("Return", wait=20)),
        inspect=_read_place,
        idle_frames=30,
    ),
)
