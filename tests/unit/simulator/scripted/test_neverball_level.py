"""Levels of Neverball, made here."""

import struct

import pytest

from simulator.scripted.neverball_level import Level, read_level


def a_level(version=8, letters=b"\0goal\00010\0", material_flags=0, path_flags=0):
    """Return a compiled level of two materials, a path, a body, a coin, a thing that grows the ball, and a goal."""
    counts = dict.fromkeys(range(21), 0) | {0: len(letters), 1: 1, 2: 2, 3: 3, 8: 1, 11: 1, 12: 1, 13: 3, 14: 1}
    materials = b"".join(
        struct.pack("<17fi64s", *[0.5] * 17, flags, b"mtrl/turf") + bytes(8 if flags & 512 else 0)
        for flags in (material_flags, 0)
    )
    path = struct.pack("<4f3ii", *[0.0] * 4, 1000, 0, 0, path_flags) + bytes(16 if path_flags & 1 else 0)
    items = b"".join(
        struct.pack("<3f2i", *item) for item in ((-2.5, 0.25, -3.5, 1, 1), (9, 0, 9, 2, 0), (1, 0.25, 4, 1, 5))
    )
    parts = (letters, struct.pack("<2i", 1, 6), materials, bytes(3 * 12 + 16), path, bytes(28), items)
    return (
        b"\xafSOL" + struct.pack("<22i", version, *counts.values()) + b"".join(parts) + struct.pack("<4f", 1, 0, -17, 1)
    )


@pytest.mark.parametrize("extra", [{}, {"version": 7}, {"material_flags": 512}, {"path_flags": 1}])
def test_a_level_of_neverball_is_read(tmp_path, extra):
    path = tmp_path / "level.sol"
    path.write_bytes(a_level(**extra))
    assert read_level(path) == Level(coins=((-2.5, -3.5, 1), (1, 4, 5)), goals=((1, -17),), num_needed=10)


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"no level", "got another file"), (a_level(version=9), "got 9"), (a_level()[:-20], "ends before its items")],
)
def test_what_is_no_level_of_neverball_is_an_error(tmp_path, data, message):
    path = tmp_path / "level.sol"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_level(path)
