"""What the ports of Doom keep in memory: the player's statistics, and every thing of the level.

The layout is that of the engine's source (linuxdoom-1.10 d_player.h, p_mobj.h) on 64-bit machines. The player is found
by the largest amounts of ammunition, in a row after the amounts themselves and the health that a level starts with.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from simulator.games.linux import Memory

_MAX_AMMO: Final = struct.pack("<4i", 200, 50, 300, 50)
#: Bytes from the largest amounts: ammunition, kills, items, secrets.
_AMMO, _KILLS = -16, 32
_THING: Final = struct.Struct("<QQQ3i20xI68xi28xii")  # prev, next, function, x, y, z, angle, type, flags, health
_FIXED: Final = 65536.0
_COUNTS_AS_KILL: Final = 0x400000
_SPECIAL: Final = 0x1
_MAX_THINGS: Final = 4096


@dataclass(frozen=True)
class Layout:
    """Where a port keeps the player's fields, in bytes from the largest amounts of ammunition.

    Attributes:
        thing: pointer to the player's thing.
        health: the player's health.
    """

    thing: int
    health: int


@dataclass(frozen=True)
class Thing:
    """A thing of the level.

    Attributes:
        address: where it is; its identity while it lives.
        x: east, in map units.
        y: north, in map units.
        angle_deg: where it looks, counter-clockwise from east.
        kind: the engine's number of its type.
        health: what is left.
        is_monster: whether it counts as a kill.
        is_pickup: whether it can be picked up.
    """

    address: int
    x: float
    y: float
    angle_deg: float
    kind: int
    health: int
    is_monster: bool
    is_pickup: bool


class DoomReader:
    """Reads a running port; gives facts when called.

    Args:
        memory: of the port, in a level.
        layout: of the port.

    Raises:
        ValueError: the player cannot be found: another engine or another version.
    """

    def __init__(self, memory: Memory, layout: Layout) -> None:
        self._memory, self._layout = memory, layout
        places = [
            place
            for place in memory.find(_MAX_AMMO)
            if self._int(place + layout.health) == 100 and self._int(place + _AMMO) == 50
        ]
        if len(places) != 1:
            raise ValueError(f"expected one player in the program's memory, found {len(places)}")
        self._place = places[0]
        me = self.me()
        self._start = (me.x, me.y)
        self._farthest = 0.0

    def __call__(self) -> Mapping[str, float]:
        """Return the facts of the player; `running` is 0 once it is dead."""
        place = self._place
        kills, items, secrets = struct.unpack("<3i", self._memory.read(place + _KILLS, 12))
        me, health = self.me(), max(self._int(place + self._layout.health), 0)
        self._farthest = max(self._farthest, math.hypot(me.x - self._start[0], me.y - self._start[1]))
        facts = {
            "health": health, "kills": kills, "items": items, "secrets": secrets, "bullets": self._int(place + _AMMO),
            "x": me.x, "y": me.y, "angle_deg": me.angle_deg, "farthest": self._farthest,
        }  # fmt: skip
        return {name: float(value) for name, value in facts.items()} | ({"running": 0.0} if health == 0 else {})

    def me(self) -> Thing:
        """Return the player's thing."""
        pointer: int = struct.unpack("<Q", self._memory.read(self._place + self._layout.thing, 8))[0]
        return self._thing(pointer)[0]

    def things(self) -> list[Thing]:
        """Return every thing of the level but the player, monsters and pickups alike."""
        me = self.me()
        _, at, function = self._thing(me.address)
        found: list[Thing] = []
        for _ in range(_MAX_THINGS):
            if at == me.address:
                break
            if struct.unpack("<Q", self._memory.read(at + 16, 8))[0] == function:
                thing, at, _ = self._thing(at)
                found.append(thing)
            else:  # a door or a light
                at = struct.unpack("<Q", self._memory.read(at + 8, 8))[0]
        return found

    def _thing(self, address: int) -> tuple[Thing, int, int]:
        """Return a thing, the address of the next thinker, and what makes it think."""
        _, after, function, x, y, _, angle, kind, flags, health = _THING.unpack(self._memory.read(address, _THING.size))
        thing = Thing(
            address, x / _FIXED, y / _FIXED, angle * 360 / 2**32, kind, health,
            bool(flags & _COUNTS_AS_KILL), bool(flags & _SPECIAL),
        )  # fmt: skip
        return thing, after, function

    def _int(self, address: int) -> int:
        value: int = struct.unpack("<i", self._memory.read(address, 4))[0]
        return value
