"""Variables at fixed places of one build."""

import struct

import pytest

from simulator.games.variables import read_variables
from tests.unit.simulator.games.memory import Bytes


def test_variables_belong_to_one_build():
    memory = Bytes(bytearray(64))
    struct.pack_into("<i", memory.data, 12, 530)
    assert read_variables("ab" * 32, {"score": 12})(memory)() == {"score": 530.0}
    with pytest.raises(ValueError, match="expected the program with SHA-256 cdcdcdcdcdcd, got abababababab"):
        read_variables("cd" * 32, {"score": 12})(memory)
