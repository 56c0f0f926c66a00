"""The plan of a Doom level, read from its WAD: what can be seen from where, and ways between places.

Format: the Unofficial Doom Specs. Doors count as open, lifts and keys are not known.
"""

from __future__ import annotations

import struct
from collections import deque
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

#: Side of a cell of the grid that ways are looked for on, in map units; a player is 32 wide and climbs 24.
CELL: Final = 32.0
#: Map units that a way keeps from walls: a player's half width, and a little.
_CLEARANCE: Final = 20.0
#: Map units: the highest step that a player climbs, and the lowest gap that it fits through (p_map.c).
_MAX_STEP: Final = 24
_MIN_GAP: Final = 56
#: Flags of a line (doomdata.h): ML_BLOCKING and ML_TWOSIDED.
_BLOCKING: Final = 0x1
_TWO_SIDED: Final = 0x4
#: Line types that open where a player pushes them (doors), and that end a level.
_DOORS: Final = frozenset({1, 31, 117, 118})
_EXITS: Final = frozenset({11, 52})
_LINE: Final = np.dtype([(name, "<u2") for name in ("from", "to", "flags", "kind", "tag", "right", "left")])
_SIDE: Final = np.dtype([("shift", "<i2", 2), ("textures", "S8", 3), ("sector", "<u2")])
_SECTOR: Final = np.dtype([("floor", "<i2"), ("ceiling", "<i2"), ("flats", "S8", 2), ("rest", "<u2", 3)])
#: A WAD's header after its four letters, and an entry of its directory: place, size, name.
_HEADER: Final = struct.Struct("<4xii")
_ENTRY: Final = struct.Struct("<ii8s")
#: Lumps that follow a level's name.
_LEVEL_LUMPS: Final = 10
#: Keeps a wall's length above 0, in square map units.
_LEAST_LENGTH2: Final = 1e-9
#: Steps on the grid.
_DIRECTIONS: Final = ((1, 0), (-1, 0), (0, 1), (0, -1))

Cell = tuple[int, int]
Point = tuple[float, float]
Segments = npt.NDArray[np.float64]


class LevelMap:
    """A level's lines, each a row x1, y1, x2, y2 in map units.

    Args:
        opaque: (n, 4) lines that nobody sees through.
        walls: (n, 4) lines that nobody walks through or close to.
        steps: (n, 4) lines that nobody walks across.
        exits: (n, 4) lines that end the level.
    """

    def __init__(self, opaque: Segments, walls: Segments, steps: Segments, exits: Segments) -> None:
        self._opaque, self._walls, self._steps = opaque, walls, steps
        #: Middle of each line that ends the level, (n, 2).
        self.exits = exits.reshape(-1, 2, 2).mean(1)
        corners = np.vstack([opaque, walls, steps]).reshape(-1, 2)
        self._low = corners.min(0) - CELL
        self._shape = tuple(((corners.max(0) - self._low) // CELL + 2).astype(int))
        self._links = self._link()

    @classmethod
    def read(cls, wad: Path, name: str) -> LevelMap:
        """Return a level of an IWAD or PWAD, such as `E1M1` or `MAP01`.

        Raises:
            ValueError: the file has no such level.
        """
        lumps = _read_level(wad, name)
        corners = np.frombuffer(lumps["VERTEXES"], "<i2").reshape(-1, 2).astype(float)
        lines = np.frombuffer(lumps["LINEDEFS"], _LINE)
        sectors = np.frombuffer(lumps["SECTORS"], _SECTOR)
        side_sectors = np.frombuffer(lumps["SIDEDEFS"], _SIDE)["sector"]
        segments = np.hstack([corners[lines["from"]], corners[lines["to"]]])
        two_sided = (lines["flags"] & _TWO_SIDED) > 0
        right = sectors[side_sectors[lines["right"]]]
        left = sectors[side_sectors[np.where(two_sided, lines["left"], lines["right"])]]
        door = np.isin(lines["kind"], list(_DOORS))
        step = np.abs(right["floor"].astype(int) - left["floor"])
        gap = np.minimum(right["ceiling"], left["ceiling"]).astype(int) - np.maximum(right["floor"], left["floor"])
        closed = two_sided & ~door & (gap < _MIN_GAP)
        door_sectors = {int(value) for value in side_sectors[lines["left"][door & two_sided]]}
        beside_door = np.array(
            [
                bool(two) and ({int(side_sectors[a]), int(side_sectors[b])} & door_sectors) != set()
                for two, a, b in zip(two_sided, lines["right"], np.where(two_sided, lines["left"], 0), strict=True)
            ]
        )
        return cls(
            opaque=segments[~two_sided | (two_sided & (gap <= 0))],
            walls=segments[~two_sided | ((lines["flags"] & _BLOCKING) > 0)],
            steps=segments[two_sided & ~beside_door & ((step > _MAX_STEP) | closed)],
            exits=segments[np.isin(lines["kind"], list(_EXITS))],
        )

    def sees(self, a: Point, b: Point) -> bool:
        """Return whether no wall and no closed door stands between two points (x, y)."""
        p, r = np.asarray(a), np.asarray(b) - np.asarray(a)
        away, s = self._opaque[:, :2] - p, self._opaque[:, 2:] - self._opaque[:, :2]
        cross = r[0] * s[:, 1] - r[1] * s[:, 0]
        cross[cross == 0] = np.inf
        t = (away[:, 0] * s[:, 1] - away[:, 1] * s[:, 0]) / cross
        u = (away[:, 0] * r[1] - away[:, 1] * r[0]) / cross
        return not ((t > 0) & (t < 1) & (u >= 0) & (u <= 1) & np.isfinite(cross)).any()

    def farthest(self, start: Point) -> Point:
        """Return the point farthest away, as the crow flies, to which a way leads."""
        came = self._search(self._nearest_cell(start), None)
        return max(
            (self._point(cell) for cell in came), key=lambda p: float(np.hypot(p[0] - start[0], p[1] - start[1]))
        )

    def way(self, start: Point, goal: Point) -> list[Point]:
        """Return the points (x, y) of a short way, or the part of it that gets nearest; [] where there is none."""
        last = self._cell(goal)
        came = self._search(self._nearest_cell(start), last)
        best = min(came, key=lambda cell: _apart(cell, last))
        path: list[Cell] = []
        step: Cell | None = best
        while step is not None:
            path.append(step)
            step = came[step]
        return [self._point(cell) for cell in reversed(path)][1:]

    def _search(self, first: Cell, last: Cell | None) -> dict[Cell, Cell | None]:
        """Return each cell that is reached from the first, breadth first up to the last, with the one before it."""
        came: dict[Cell, Cell | None] = {first: None}
        queue = deque([first])
        while queue and last not in came:
            at = queue.popleft()
            for direction, (dx, dy) in enumerate(_DIRECTIONS):
                to = (at[0] + dx, at[1] + dy)
                if self._links[direction, at[0], at[1]] and to not in came:
                    came[to] = at
                    queue.append(to)
        return came

    def _cell(self, point: Point) -> Cell:
        x, y = (np.asarray(point) - self._low) // CELL
        return int(np.clip(x, 0, self._shape[0] - 1)), int(np.clip(y, 0, self._shape[1] - 1))

    def _nearest_cell(self, point: Point) -> Cell:
        """Return the cell of a point; close to a wall, the nearest cell from which a way leads."""
        x, y = self._cell(point)
        around = [(x + dx, y + dy) for dx in (0, -1, 1) for dy in (0, -1, 1)]
        inside = [c for c in around if 0 <= c[0] < self._shape[0] and 0 <= c[1] < self._shape[1]]
        open_cells = [cell for cell in inside if self._links[:, cell[0], cell[1]].any()]
        open_cells = [cell for cell in open_cells if self.sees(point, self._point(cell))] or open_cells
        here = np.asarray(point)
        return min(open_cells, key=lambda c: float(np.hypot(*(np.asarray(self._point(c)) - here))), default=(x, y))

    def _point(self, cell: Cell) -> Point:
        x, y = self._low + (np.asarray(cell) + 0.5) * CELL
        return float(x), float(y)

    def _link(self) -> npt.NDArray[np.bool_]:
        """Return for each direction and cell whether a player can step from it, (4, columns, rows)."""
        grid = np.stack(np.meshgrid(*(np.arange(n) for n in self._shape), indexing="ij"), -1)
        centres = self._low + (grid + 0.5) * CELL
        free = _clear(centres.reshape(-1, 2), self._walls).reshape(self._shape)
        links = np.zeros((len(_DIRECTIONS), *self._shape), bool)
        blocking = np.vstack([self._walls, self._steps])
        for direction, move in enumerate(_DIRECTIONS):
            there = np.roll(free, tuple(-value for value in move), (0, 1))
            both = np.argwhere(free & there)
            start = centres[both[:, 0], both[:, 1]]
            moves = np.hstack([start, start + np.asarray(move) * CELL])
            links[direction][tuple(both.T)] = ~_crosses(moves, blocking)
        links[:, [0, -1]] = links[:, :, [0, -1]] = False  # outside; the roll leads from one border to the other
        return links


@cache
def load_map(wad: str, name: str) -> LevelMap:
    """Return a level's map, read once."""
    return LevelMap.read(Path(wad), name)


def _read_level(wad: Path, name: str) -> dict[str, bytes]:
    data = wad.read_bytes()
    count, start = _HEADER.unpack_from(data)
    entries = [_ENTRY.unpack_from(data, start + _ENTRY.size * index) for index in range(count)]
    names = [entry[2].rstrip(b"\0").decode("latin-1") for entry in entries]
    if name not in names:
        raise ValueError(f"{wad} has no level {name}")
    first = names.index(name) + 1
    return {
        names[i]: data[entries[i][0] : entries[i][0] + entries[i][1]]
        for i in range(first, min(first + _LEVEL_LUMPS, count))
    }


def _apart(a: Cell, b: Cell) -> int:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def _clear(points: npt.NDArray[np.float64], walls: Segments) -> npt.NDArray[np.bool_]:
    """Return whether points (n, 2) are a player's breadth away from walls."""
    clear = np.ones(len(points), bool)
    for x1, y1, x2, y2 in walls:
        a, d = np.array([x1, y1]), np.array([x2 - x1, y2 - y1])
        length2 = max(float(d @ d), _LEAST_LENGTH2)
        near = (np.abs(points[:, 0] - (x1 + x2) / 2) <= abs(d[0]) / 2 + _CLEARANCE) & (
            np.abs(points[:, 1] - (y1 + y2) / 2) <= abs(d[1]) / 2 + _CLEARANCE
        )
        t = np.clip((points[near] - a) @ d / length2, 0, 1)
        clear[near] &= np.hypot(*(points[near] - a - t[:, None] * d).T) >= _CLEARANCE
    return clear


def _crosses(moves: Segments, walls: Segments) -> npt.NDArray[np.bool_]:
    """Return whether each of the moves (n, 4) crosses any of the walls (m, 4)."""
    crossed = np.zeros(len(moves), bool)
    p, r = moves[:, :2], moves[:, 2:] - moves[:, :2]
    for x1, y1, x2, y2 in walls:
        q, s = np.array([x1, y1]), np.array([x2 - x1, y2 - y1])
        cross = r[:, 0] * s[1] - r[:, 1] * s[0]
        away = q - p
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (away[:, 0] * s[1] - away[:, 1] * s[0]) / cross
            u = (away[:, 0] * r[:, 1] - away[:, 1] * r[:, 0]) / cross
        crossed |= (cross != 0) & (t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)
    return crossed
