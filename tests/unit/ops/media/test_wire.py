"""What an answer of the sandbox can hold, and that bytes made to run code make an error instead."""

import pickle
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import NamedTuple

import msgpack
import numpy as np
import pytest

from ops.media.wire import WireError, decode, encode
from ops.outcomes import BadInputError

RAN: list[str] = []


class Kind(Enum):
    ONE = "one"


class Place(NamedTuple):
    x: int
    y: list[float]


@dataclass(frozen=True)
class Facts:
    name: str
    values: np.ndarray
    more: dict = field(default_factory=dict)


@dataclass
class Loud:
    """A record of the project each of whose ways to run is noted."""

    value: int = 0

    def __post_init__(self) -> None:
        RAN.append("init")

    def __call__(self, *_: object) -> None:
        RAN.append("call")

    def __setstate__(self, _: object) -> None:
        RAN.append("setstate")


class Called:
    def __reduce__(self):
        return Loud(), (1,)


class Code:
    def __reduce__(self):
        return RAN.append, ("reduce",)


class OddError(ValueError):
    def __init__(self, what: str, where: int) -> None:
        super().__init__(f"{what} at {where}")
        self.where = where


def there_and_back(value):
    return decode(bytearray().join(encode(value)))


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -(1 << 63), 1 << 80, 1.5, float("inf"), "text", "odd \udcff name", b"bytes", [], (),
        [1, [2, (3,)]],
        {"a": 1, 2: [None], (1, 2): {"b": {}}}, {1, 2}, frozenset({"a"}), bytearray(b"ab"), 1 + 2j, Path("a/b"),
        datetime(2026, 1, 2, tzinfo=UTC), Kind.ONE, Place(1, [2.0]),
    ],
)  # fmt: skip
def test_plain_values_and_records_come_back_as_they_were(value):
    found = there_and_back(value)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int16).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.zeros((3, 0, 2), np.uint8),
        np.array(3, dtype=np.float32),
        np.array(["a", "bc"]),
        np.array(["2026-01-01"], "datetime64[s]"),
        np.arange(20)[::3],
        np.arange(3, dtype=">i4"),
    ],
)
def test_arrays_come_back_with_their_shape_and_can_be_written_to(array):
    found = there_and_back([b"x", array])[1]
    assert found.dtype == array.dtype and found.shape == array.shape and found.flags.aligned
    np.testing.assert_array_equal(found, array)
    if found.dtype.kind in "iuf":
        found[...] = 1


def test_records_hold_arrays_and_numpy_scalars_keep_their_type():
    found = there_and_back(Facts("pad", np.ones(3), {"x": np.float32(0.5)}))
    assert found.name == "pad" and found.values.tolist() == [1, 1, 1]
    assert type(found.more["x"]) is np.float32 and found.more["x"] == 0.5


@pytest.mark.parametrize(
    "error", [BadInputError("no"), OddError("bad", 3), FileNotFoundError(2, "gone", "a"), KeyError("k")]
)
def test_exceptions_come_back_with_what_they_say(error):
    error.add_note("a note")
    found = there_and_back(error)
    assert type(found) is type(error) and str(found) == str(error) and found.__notes__ == ["a note"]
    assert vars(found) == vars(error)


@pytest.mark.parametrize("value", [object(), lambda: 1, np.array([object()]), np.zeros(2, [("a", "i4")]), type, Code()])
def test_what_is_not_data_is_refused_where_it_is_sent(value):
    with pytest.raises(TypeError, match="may not return"):
        encode(value)


def _reply(tree, buffers=b""):
    packed = msgpack.packb(tree)
    head = len(packed).to_bytes(8, "little") + packed
    return bytearray(head + bytes(-len(head) % 64) + buffers)


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(Called()),  # an instance of an allowed class that is called
        pickle.dumps(Code()),
        pickle.dumps((True, Code()), protocol=0),
        b"",
        b"\xff" * 200,
        _reply(["record", "builtins.eval", "1"]),
        _reply(["record", "os.system", "true"]),
        _reply(["record", "subprocess.Popen", ["list", "true"]]),
        _reply(["record", f"{__name__}.Code"]),
        _reply(["record", f"{__name__}.RAN"]),
        _reply(["record", f"{__name__}.np", "x"]),
        _reply(["record", f"{__name__}.dataclass", "x"]),
        _reply(["record", "tests.unit.not_loaded.Facts"]),
        _reply(["record", f"{__name__}.Facts", "too few"]),
        _reply(["enum", f"{__name__}.Kind", "__init__"]),
        _reply(["named", f"{__name__}.Place", 1]),
        _reply(["array", "O", [1], 0], bytes(8)),
        _reply(["array", "|V8", [1], 0], bytes(8)),
        _reply(["array", "<f8", [1 << 40], 0], bytes(64)),
        _reply(["array", "<f8", [1 << 62, 1 << 62], 0], bytes(64)),
        _reply(["array", "<f8", [-1], 0], bytes(64)),
        _reply(["array", "<f8", [1], -8], bytes(64)),
        _reply(["array", "<f8", [1], 60], bytes(64)),
        _reply(["call", "os.system", "true"]),
        _reply({"a": 1}),
        _reply(["list", msgpack.ExtType(1, b"x")]),
        _reply(["dict", 1]),
        _reply(["dict", ["list"], 1]),
        _reply(["error", f"{__name__}.OddError", 3, {}]),
        _reply([]),
    ],
)  # fmt: skip
def test_bytes_that_no_child_of_ours_writes_are_an_error_and_run_nothing(data):
    RAN.clear()
    with pytest.raises(WireError):
        decode(bytearray(data))
    assert not RAN


def test_a_record_is_made_without_running_its_code():
    RAN.clear()
    found = decode(_reply(["record", f"{__name__}.Loud", 7]))
    assert found.value == 7 and not RAN


def test_an_exception_whose_module_is_not_loaded_still_says_what_happened():
    found = decode(_reply(["error", "ops.not_loaded.OddError", ["tuple", "bad"], ["dict"]]))
    assert type(found) is RuntimeError and str(found) == "ops.not_loaded.OddError: bad"
