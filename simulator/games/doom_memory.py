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

#: The largest amounts of bullets, shells, cells and rockets (p_inter.c), by which the player is found.
_MAX_AMMO: Final = struct.pack("<4i", 200, 50, 300, 50)
#: What a level starts with.
_START_HEALTH: Final = 100
_START_BULLETS: Final = 50
#: Bytes from the largest amounts to the amounts, of which bullets are the first.
_AMMO: Final = -16
#: Bytes from the largest amounts to kills, items and secrets.
_COUNTS_AT: Final = 32
_COUNTS: Final = struct.Struct("<3i")
#: A thing: addresses of the previous and the next thinker, its function, x, y, z, angle, type, flags, health.
_THING: Final = struct.Struct("<QQQ3i20xI68xi28xii")
#: Bytes from a thinker to the address of the next one, and to its function.
_NEXT_AT: Final = 8
_FUNCTION_AT: Final = 16
_ADDRESS: Final = struct.Struct("<Q")
_INT: Final = struct.Struct("<i")
#: A map unit in the engine's fixed-point numbers.
_FIXED: Final = 65536.0
#: A full turn in the engine's angles.
_TURN: Final = 2.0**32
#: Flags of a thing (p_mobj.h): MF_COUNTKILL and MF_SPECIAL.
_COUNTS_AS_KILL: Final = 0x400000
_SPECIAL: Final = 0x1
#: Thinkers that are looked at: more than a level of Freedoom has, so that a broken list ends.
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
            if self._int(place + layout.health) == _START_HEALTH and self._int(place + _AMMO) == _START_BULLETS
        ]
        if len(places) != 1:
            raise ValueError(
                f"expected one player in the program's memory, found {len(places)}: "
                "the program is not in a level, or another version"
            )
        self._place = places[0]
        me = self.me()
        self._start = (me.x, me.y)
        self._farthest = 0.0

    def __call__(self) -> Mapping[str, float]:
        """Return the facts of the player; `running` is 0 once it is dead."""
        place = self._place
        kills, items, secrets = _COUNTS.unpack(self._memory.read(place + _COUNTS_AT, _COUNTS.size))
        me, health = self.me(), max(self._int(place + self._layout.health), 0)
        self._farthest = max(self._farthest, math.hypot(me.x - self._start[0], me.y - self._start[1]))
        facts = {
            "health": health,
            "kills": kills,
            "items": items,
            "secrets": secrets,
            "bullets": self._int(place + _AMMO),
            "x": me.x,
            "y": me.y,
            "angle_deg": me.angle_deg,
            "farthest": self._farthest,
        }
        return {name: float(value) for name, value in facts.items()} | ({"running": 0.0} if health == 0 else {})

    def me(self) -> Thing:
        """Return the player's thing."""
        return self._thing(self._address(self._place + self._layout.thing))[0]

    def things(self) -> list[Thing]:
        """Return every thing of the level but the player, monsters and pickups alike."""
        me = self.me()
        _, at, function = self._thing(me.address)
        found: list[Thing] = []
        for _ in range(_MAX_THINGS):
            if at == me.address:
                break
            if self._address(at + _FUNCTION_AT) == function:
                thing, at, _ = self._thing(at)
                found.append(thing)
            else:  # a door or a light
                at = self._address(at + _NEXT_AT)
        return found

    def _thing(self, address: int) -> tuple[Thing, int, int]:
        """Return a thing, the address of the next thinker, and what makes it think."""
        _, after, function, x, y, _, angle, kind, flags, health = _THING.unpack(self._memory.read(address, _THING.size))
        thing = Thing(
            address,
            x / _FIXED,
            y / _FIXED,
            angle * 360 / _TURN,
            kind,
            health,
            bool(flags & _COUNTS_AS_KILL),
            bool(flags & _SPECIAL),
        )
        return thing, after, function

    def _address(self, address: int) -> int:
        value: int = _ADDRESS.unpack(self._memory.read(address, _ADDRESS.size))[0]
        return value

    def _int(self, address: int) -> int:
        value: int = _INT.unpack(self._memory.read(address, _INT.size))[0]
        return value
