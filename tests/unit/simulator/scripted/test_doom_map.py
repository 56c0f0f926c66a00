"""Plans of levels, from a WAD that is made here: two rooms of 256 x 256, side by side, with a gap in the wall."""

import struct

import numpy as np
import pytest

from simulator.scripted.doom_map import LevelMap

#: Corners of the two rooms, and the two ends of the gap.
CORNERS = [(0, 0), (256, 0), (512, 0), (512, 256), (256, 256), (0, 256), (256, 96), (256, 160)]
WALLS = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (1, 6), (7, 4)]


def wad(path, gap_kind=0, right_floor=0, right_ceiling=128):
    lines = [(a, b, 1, 11 if (a, b) == (2, 3) else 0, 0, 0, 0xFFFF) for a, b in WALLS] + [(6, 7, 4, gap_kind, 0, 0, 1)]
    sectors = [(0, 128), (right_floor, right_ceiling)]
    lumps = [
        ("E1M1", b""),
        ("LINEDEFS", b"".join(struct.pack("<7H", *line) for line in lines)),
        ("SIDEDEFS", b"".join(struct.pack("<2h24xH", 0, 0, sector) for sector in (0, 1))),
        ("VERTEXES", b"".join(struct.pack("<2h", *corner) for corner in CORNERS)),
        ("SECTORS", b"".join(struct.pack("<2h16x3H", *sector, 0, 0, 0) for sector in sectors)),
    ]
    data, entries = b"", b""
    for name, content in lumps:
        entries += struct.pack("<ii8s", 12 + len(data), len(content), name.encode())
        data += content
    path.write_bytes(struct.pack("<4sii", b"PWAD", len(lumps), 12 + len(data)) + data + entries)
    return path


def test_ways_lead_through_gaps_and_never_through_walls(tmp_path):
    level = LevelMap.read(wad(tmp_path / "a.wad"), "E1M1")
    way = level.way((64, 64), (448, 64))
    assert np.hypot(way[-1][0] - 448, way[-1][1] - 64) < 48
    assert np.hypot(*np.diff([(64, 64), *way], axis=0).T).max() < 64
    crossing = next(point for point in way if point[0] > 256)
    assert 96 < crossing[1] < 160
    np.testing.assert_array_equal(level.exits, [[512, 128]])
    far = level.farthest((32, 32))
    assert far[0] > 450
    assert far[1] > 200


def test_who_sees_whom(tmp_path):
    level = LevelMap.read(wad(tmp_path / "a.wad"), "E1M1")
    assert level.sees((64, 128), (448, 128))
    assert not level.sees((64, 32), (448, 32))
    shut = LevelMap.read(wad(tmp_path / "b.wad", gap_kind=1, right_ceiling=0), "E1M1")
    assert not shut.sees((64, 128), (448, 128))


@pytest.mark.parametrize(
    ("change", "is_open"),
    [({"right_floor": 24}, True), ({"right_floor": 32}, False), ({"right_ceiling": 40}, False),
     ({"gap_kind": 1, "right_ceiling": 0}, True)],
)  # fmt: skip
def test_steps_that_are_too_high_and_gaps_too_low_stop_a_player_and_doors_do_not(tmp_path, change, is_open):
    level = LevelMap.read(wad(tmp_path / "a.wad", **change), "E1M1")
    assert (level.farthest((32, 32))[0] > 300) == is_open


def test_a_level_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="has no level MAP01"):
        LevelMap.read(wad(tmp_path / "a.wad"), "MAP01")
