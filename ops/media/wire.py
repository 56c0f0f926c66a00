"""Values as bytes that carry data only: what a sandboxed child answers with (`ops.media.sandbox`).

Decoding calls nothing that the bytes name. Classes are looked up, never imported, and records are filled field by
field: no `__init__`, `__new__`, `__call__` or `__reduce__` of theirs runs. That is why this is not pickle, whose
programs can call any object that they have made.

    <u64: length of the tree> <tree: msgpack> <padding> <buffers of arrays, each at a multiple of 64 bytes>

In the tree, None, bool, int, float, str and bytes stand for themselves. Everything else is an array [tag, ...]: lists,
tuples, sets, dicts, arrays, numpy's scalars, paths, times, and the project's dataclasses, named tuples, enums and
exceptions.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final

import msgpack
import numpy as np

#: Packages whose classes may be named.
OUR_PACKAGES: Final = ("ops", "models", "training", "simulator", "assets", "pipelines", "tests")

#: Buffers start at multiples of this, so that arrays are aligned for any instruction set.
_ALIGN_BYTES: Final = 64
#: Length of the length of the tree.
_LENGTH_BYTES: Final = 8
#: Kinds of numpy's dtypes that hold numbers, text or times and no objects.
_PLAIN_KINDS: Final = "biufcSUMm"
#: Integers from here on do not fit into msgpack's.
_LARGE: Final = 1 << 63
#: What stands for itself.
_SCALARS: Final = frozenset({type(None), bool, float, str, bytes})


class WireError(ValueError):
    """Bytes that no `encode` wrote, or that name a class which may not be made."""


def encode(value: Any, packages: Iterable[str] = ()) -> list[bytes | memoryview]:
    """Return a value as pieces of bytes; together they are what `decode` takes. Arrays are not copied.

    Args:
        value: what is sent.
        packages: further ones whose classes may be named.

    Raises:
        TypeError: it holds something that cannot travel as data.
    """
    packer = _Encoder((*OUR_PACKAGES, *packages))
    tree = msgpack.packb(packer.pack(value), unicode_errors="surrogatepass")
    head = len(tree).to_bytes(_LENGTH_BYTES, "little") + tree
    return [head, bytes(_padding(len(head))), *packer.pieces]


def decode(data: bytearray, packages: Iterable[str] = ()) -> Any:
    """Return the value that bytes hold. Arrays are views of the bytes.

    Args:
        data: what `encode` wrote, joined.
        packages: further ones whose classes may be named.

    Raises:
        WireError: the bytes are not what `encode` writes.
    """
    try:
        length = int.from_bytes(data[:_LENGTH_BYTES], "little")
        stop = _LENGTH_BYTES + length
        tree = msgpack.unpackb(memoryview(data)[_LENGTH_BYTES:stop], unicode_errors="surrogatepass")
        return _Decoder((*OUR_PACKAGES, *packages), memoryview(data)[stop + _padding(stop) :]).unpack(tree)
    except WireError:
        raise
    except Exception as error:  # whatever is wrong with bytes from outside
        raise WireError(f"not a value: {type(error).__name__}: {error}") from error


def _padding(length: int) -> int:
    return -length % _ALIGN_BYTES


def _class_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple)


class _Encoder:
    """Makes the tree, and collects the buffers of arrays beside it."""

    def __init__(self, packages: tuple[str, ...]) -> None:
        self.pieces: list[bytes | memoryview] = []
        self._packages = packages
        self._at = 0

    def pack(self, value: Any) -> Any:
        """Return a value as a tree."""
        kind = type(value)
        if kind in _SCALARS:
            return value
        if kind is int:
            return value if -_LARGE <= value < _LARGE else ["int", str(value)]
        simple = _PACK.get(kind)
        if simple is not None:
            return simple(self, value)
        if isinstance(value, Path):
            return ["path", str(value)]
        if isinstance(value, np.generic):
            return ["scalar", *self._array(np.asarray(value))[1:]]
        return self._named(value)

    def items(self, tag: str, values: Iterable[Any]) -> list[Any]:
        """Return a sequence as a tree."""
        return [tag, *(value if type(value) in _SCALARS else self.pack(value) for value in values)]

    def _array(self, array: np.ndarray[Any, Any]) -> list[Any]:
        if array.dtype.kind not in _PLAIN_KINDS:
            raise TypeError(f"a sandboxed call may not return arrays of {array.dtype}")
        flat = np.ascontiguousarray(array)
        data = flat.reshape(-1).view(np.uint8).data if flat.size else memoryview(b"")
        at = self._at
        self.pieces += [data, bytes(_padding(data.nbytes))]
        self._at += data.nbytes + _padding(data.nbytes)
        return ["array", array.dtype.str, list(array.shape), at]

    def _named(self, value: Any) -> list[Any]:
        kind = type(value)
        name = _class_name(kind)
        ours = kind.__module__.split(".")[0] in self._packages
        if ours and isinstance(value, Enum):
            return ["enum", name, value.name]
        if ours and dataclasses.is_dataclass(kind) and not isinstance(value, Exception):
            fields = [field.name for field in dataclasses.fields(kind)]
            return ["record", name, *(self.pack(getattr(value, field)) for field in fields)]
        if ours and _is_named_tuple(kind):
            return self.items("named", (name, *value))
        if isinstance(value, Exception) and (ours or kind.__module__ == "builtins"):
            args = value.args
            if isinstance(value, OSError) and value.filename is not None:
                args = (value.errno, value.strerror, value.filename)  # `args` leaves the file's name out
            return ["error", name, self.pack(args), self.pack(vars(value))]
        raise TypeError(f"a sandboxed call may not return {name}")


_PACK: Final[dict[type, Callable[[_Encoder, Any], list[Any]]]] = {
    list: lambda to, value: to.items("list", value),
    tuple: lambda to, value: to.items("tuple", value),
    set: lambda to, value: to.items("set", value),
    frozenset: lambda to, value: to.items("frozenset", value),
    dict: lambda to, value: to.items("dict", (part for item in value.items() for part in item)),
    bytearray: lambda _, value: ["bytearray", bytes(value)],
    complex: lambda _, value: ["complex", value.real, value.imag],
    datetime: lambda _, value: ["time", value.isoformat()],
    np.ndarray: lambda to, value: to._array(value),
}


class _Decoder:
    """Makes values of a tree and the buffers beside it."""

    def __init__(self, packages: tuple[str, ...], buffers: memoryview) -> None:
        self._packages = packages
        self._buffers = buffers

    def unpack(self, tree: Any) -> Any:
        """Return the value of a tree."""
        if type(tree) is not list:
            if type(tree) is int or type(tree) in _SCALARS:
                return tree
            raise WireError(f"not a value: {type(tree).__name__}")
        if not tree or type(tree[0]) is not str or tree[0] not in _UNPACK:
            raise WireError(f"not a value: no tag in {str(tree)[:60]}")
        return _UNPACK[tree[0]](self, *tree[1:])

    def items(self, trees: Iterable[Any]) -> list[Any]:
        """Return the values of a sequence of trees."""
        return [tree if type(tree) in _SCALARS else self.unpack(tree) for tree in trees]

    def pairs(self, trees: tuple[Any, ...]) -> dict[Any, Any]:
        """Return a dict of keys and values in turn."""
        values = self.items(trees)
        return dict(zip(values[::2], values[1::2], strict=True))

    def array(self, dtype: str, shape: list[int], at: int) -> np.ndarray[Any, Any]:
        """Return the array whose buffer starts at an offset."""
        kind = np.dtype(dtype)
        if kind.kind not in _PLAIN_KINDS or kind.hasobject or kind.fields:
            raise WireError(f"a sandboxed call may not return arrays of {kind}")
        if at < 0 or any(type(side) is not int or side < 0 for side in shape):
            raise WireError(f"not an array: shape {shape} at {at}")
        count = int(np.prod(shape, dtype=object)) if shape else 1
        if not count:
            return np.empty(shape, kind)
        return np.frombuffer(self._buffers, kind, count, at).reshape(shape)

    def record(self, name: str, *trees: Any) -> Any:
        """Return a dataclass with its fields set, none of its code having run."""
        kind = self._find(name, dataclasses.is_dataclass)
        made = object.__new__(kind)
        for field, value in zip(dataclasses.fields(kind), self.items(trees), strict=True):
            object.__setattr__(made, field.name, value)
        return made

    def named(self, name: str, *trees: Any) -> Any:
        """Return a named tuple."""
        kind = self._find(name, _is_named_tuple)
        if len(trees) != len(kind._fields):
            raise WireError(f"{name} has {len(kind._fields)} fields, got {len(trees)}")
        return tuple.__new__(kind, self.items(trees))

    def enum(self, name: str, member: str) -> Any:
        """Return a member of an enum."""
        return self._find(name, lambda kind: issubclass(kind, Enum))._member_map_[member]

    def error(self, name: str, args: Any, state: Any) -> Exception:
        """Return an exception, made by Python's own class that it is built on; RuntimeError for an unknown one."""
        values = self.unpack(args)
        try:
            kind = self._find(name, lambda found: issubclass(found, Exception))
        except WireError:  # its module is loaded in the child alone
            return RuntimeError(f"{name}: {', '.join(map(str, values))}")
        if kind.__module__ == "builtins":
            made: Exception = kind(*values)
        else:
            base = next(parent for parent in kind.__mro__ if parent.__module__ == "builtins")
            made = base.__new__(kind, *values)
        vars(made).update(self.unpack(state))
        return made

    def _find(self, name: str, fits: Callable[[type], bool]) -> Any:
        """Return a class that is loaded already, by its name."""
        module, _, qualname = name.rpartition(".")
        allowed = module == "builtins" or module.split(".")[0] in self._packages
        found = vars(sys.modules[module]).get(qualname) if allowed and module in sys.modules else None
        if not isinstance(found, type) or _class_name(found) != name or not fits(found):
            raise WireError(f"a sandboxed call may not return {name}; expected a loaded record of the project")
        return found


_UNPACK: Final[dict[str, Callable[..., Any]]] = {
    "int": lambda _, digits: int(digits),
    "list": lambda to, *trees: to.items(trees),
    "tuple": lambda to, *trees: tuple(to.items(trees)),
    "set": lambda to, *trees: set(to.items(trees)),
    "frozenset": lambda to, *trees: frozenset(to.items(trees)),
    "dict": lambda to, *trees: to.pairs(trees),
    "bytearray": lambda _, data: bytearray(data),
    "complex": lambda _, real, imaginary: complex(real, imaginary),
    "time": lambda _, text: datetime.fromisoformat(text),
    "path": lambda _, text: Path(text),
    "array": _Decoder.array,
    "scalar": lambda to, *parts: to.array(*parts)[()],
    "record": _Decoder.record,
    "named": _Decoder.named,
    "enum": _Decoder.enum,
    "error": _Decoder.error,
}
