"""The place on the slope, followed through two pointers in bytes that are made here."""

import struct

import pytest

from simulator.games.extreme_tux_racer import GAME
from tests.unit.simulator.games.memory import Bytes


def test_the_place_on_the_slope_is_read():
    memory = Bytes(bytearray(0x8E0C0 + 2048))
    player, control = 0x100, 0x400
    struct.pack_into("<Q", memory.data, 0x8E0C0, memory.base + player)
    struct.pack_into("<Q", memory.data, player + 0x20, memory.base + control)
    struct.pack_into("<3d", memory.data, control + 0x190, 45.0, -3.0, -120.0)
    memory.program_sha256 = lambda: "178538fdde97c72feb578be05b13c2ae26304ffba5dd65366daea647447fe917"
    assert GAME.setup.inspect(memory)() == {"x": 45, "height": -3, "downhill": 120}
    memory.program_sha256 = lambda: "ab" * 32
    with pytest.raises(ValueError, match="lie elsewhere in another build"):
        GAME.setup.inspect(memory)
