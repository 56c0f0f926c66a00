"""The ports of Doom, read from bytes that are made here."""

import struct

import pytest

from simulator.games.doom_memory import DoomReader, Layout
from tests.unit.simulator.games.memory import Bytes


def level(health=100):
    """Return a level of a player, a door that thinks, an imp and a medikit, in a ring."""
    memory = Bytes(bytearray(4096))
    things = [0, 400, 800, 1200]
    rows = [
        (7, 0, (0, 0), 0, 0, 100),
        (9, 0, (0, 0), 0, 0, 0),
        (7, 64, (96, 64), 2**30, 0x400000, 60),
        (7, 0, (-32, 0), 0, 1, 0),
    ]
    for index, (function, kind, (x, y), angle, flags, left) in enumerate(rows):
        at, after = things[index], memory.base + things[(index + 1) % 4]
        struct.pack_into(
            "<QQQ3i20xI68xi28xii", memory.data, at, 0, after, function, x << 16, y << 16, 0, angle, kind, flags, left
        )
    place = 2400
    struct.pack_into("<4i4i", memory.data, place - 16, 50, 0, 0, 0, 200, 50, 300, 50)
    struct.pack_into("<3i", memory.data, place + 32, 2, 1, 0)
    struct.pack_into("<Q", memory.data, place - 184, memory.base + things[0])
    struct.pack_into("<i", memory.data, place - 140, health)
    return memory, place


def test_doom_is_read_from_its_memory():
    memory, place = level()
    reader = DoomReader(memory, Layout(thing=-184, health=-140))
    facts = reader()
    assert (facts["kills"], facts["items"], facts["health"], facts["bullets"], facts["farthest"]) == (2, 1, 100, 50, 0)
    assert "running" not in facts
    imp, medikit = reader.things()
    assert (imp.x, imp.y, imp.angle_deg, imp.health, imp.is_monster, imp.is_pickup) == (96, 64, 90, 60, True, False)
    assert (medikit.is_monster, medikit.is_pickup) == (False, True)
    struct.pack_into("<2i", memory.data, 24, 30 << 16, 40 << 16)
    assert reader()["farthest"] == 50
    struct.pack_into("<i", memory.data, place - 140, -7)
    assert (reader()["health"], reader()["running"]) == (0, 0)


def test_another_engine_is_an_error_and_not_a_wrong_fact():
    memory, _ = level(health=99)
    with pytest.raises(ValueError, match="expected one player in the program's memory, found 0"):
        DoomReader(memory, Layout(thing=-184, health=-140))
