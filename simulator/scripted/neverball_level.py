"""The plan of a level of Neverball, read from its compiled file: its coins, its goals, and how many coins open them.

Format: .sol of Neverball 1.6 and of the snapshots after it (versions 7 and 8); all numbers are little-endian.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MAGIC: Final = b"\xafSOL"
_VERSIONS: Final = (7, 8)
#: What a level has, in the order of its header.
_KINDS: Final = ("letters", "words", "materials", "corners", "edges", "sides", "texture points", "offsets", "triangles",
                 "lumps", "nodes", "paths", "bodies", "items", "goals", "jumps", "switches", "billboards", "balls",
                 "views", "indices")  # fmt: skip
#: Bytes of one of what lies between materials and items and has a fixed size.
_SIZES: Final = {"corners": 12, "edges": 8, "sides": 16, "texture points": 8, "offsets": 12, "triangles": 16,
                 "lumps": 36, "nodes": 20}  # fmt: skip
#: Bytes of the header: magic, version, and a number for each of `_KINDS`.
_HEADER_BYTES: Final = 92
_COUNTS_AT: Final = 8
#: Bytes of a pair of words, of a material, of a path, of a body.
_WORD_PAIR: Final = struct.Struct("<2i")
_MATERIAL: Final = 136
_PATH: Final = 32
_BODY: Final = 28
#: Bytes from the begin of a material, and of a path, to its flags.
_MATERIAL_FLAGS: Final = 68
_PATH_FLAGS: Final = 28
#: Flag of a material that is tested against its alpha, and the bytes that it has more.
_ALPHA_TEST: Final = 1 << 9
_ALPHA_BYTES: Final = 8
#: Flag of a path that turns, and the bytes that it has more.
_ORIENTED: Final = 1
_ORIENTED_BYTES: Final = 16
#: An item: x, y, z, kind, value. A goal: x, y, z, radius.
_ITEM: Final = struct.Struct("<3f2i")
_GOAL: Final = struct.Struct("<4f")
#: Kind of an item.
_COIN: Final = 1


@dataclass(frozen=True)
class Level:
    """What a player has to know.

    Attributes:
        coins: (x, z, value) of each coin, in metres; y is up.
        goals: (x, z) of each goal.
        num_needed: coins, by value, that open the goals.
    """

    coins: tuple[tuple[float, float, int], ...]
    goals: tuple[tuple[float, float], ...]
    num_needed: int


def read_level(path: Path) -> Level:
    """Return the plan of a level.

    Raises:
        ValueError: it is no level, or of a version that is not known here.
    """
    data = path.read_bytes()
    version = struct.unpack_from("<i", data, 4)[0] if data[:4] == _MAGIC and len(data) >= _HEADER_BYTES else None
    if version not in _VERSIONS:
        raise ValueError(f"expected a level of Neverball of version 7 or 8 in {path}, got {version or 'another file'}")
    counts = dict(zip(_KINDS, struct.unpack_from(f"<{len(_KINDS)}i", data, _COUNTS_AT), strict=True))
    try:
        letters = data[_HEADER_BYTES : _HEADER_BYTES + counts["letters"]]
        at = _HEADER_BYTES + counts["letters"]
        end = at + _WORD_PAIR.size * counts["words"]
        pairs = _WORD_PAIR.iter_unpack(data[at:end])
        words = {_text(letters, key): _text(letters, value) for key, value in pairs}
        at = _items_at(data, end, counts)
        items = [_ITEM.unpack_from(data, at + _ITEM.size * index) for index in range(counts["items"])]
        at += _ITEM.size * counts["items"]
        goals = [_GOAL.unpack_from(data, at + _GOAL.size * index) for index in range(counts["goals"])]
        return Level(
            coins=tuple((x, z, value) for x, _, z, kind, value in items if kind == _COIN),
            goals=tuple((x, z) for x, _, z, _ in goals),
            num_needed=int(words.get("goal", 0)),
        )
    except struct.error as error:
        raise ValueError(f"{path} ends before its items: {error}") from error


def _text(letters: bytes, start: int) -> str:
    return letters[start : letters.index(b"\0", start)].decode("utf-8", "replace")


def _items_at(data: bytes, at: int, counts: dict[str, int]) -> int:
    """Return where the items begin, told where the materials do."""
    for _ in range(counts["materials"]):
        (flags,) = struct.unpack_from("<i", data, at + _MATERIAL_FLAGS)
        at += _MATERIAL + (_ALPHA_BYTES if flags & _ALPHA_TEST else 0)
    at += sum(size * counts[kind] for kind, size in _SIZES.items())
    for _ in range(counts["paths"]):
        (flags,) = struct.unpack_from("<i", data, at + _PATH_FLAGS)
        at += _PATH + (_ORIENTED_BYTES if flags & _ORIENTED else 0)
    return at + _BODY * counts["bodies"]
