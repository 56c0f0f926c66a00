import json
import math
from typing import Any

import pytest

from ops.nitrogen.fields import Fields, read_fields
from ops.outcomes import BadInputError


def fields(**values: Any) -> Fields:
    return read_fields(json.dumps(values).encode(), "chunk")


def test_values_are_read_by_name_and_kind() -> None:
    read = fields(size=3.0, rate=59.94, game="celeste", box=[1, 2, 3, 4], video={"id": "a"}, nothing=None)
    assert (read.whole("size", 0, 9), read.number("rate", 1, 240), read.text("game")) == (3, 59.94, "celeste")
    assert read.wholes("box", 4, 0, 9) == (1, 2, 3, 4) and read.part("video").text("id") == "a"
    assert read.text("missing") == "" and read.has("nothing") and not read.is_given("nothing")


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": ' * 100_000],
    ids=["empty", "list", "null", "cut off", "not text", "deep list", "deep object"],
)
def test_what_is_no_object_is_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(BadInputError, match=r"^bad metadata: chunk"):
        read_fields(data, "chunk")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, "3", True, [3], {}, 10**400, -1], ids=repr)
def test_what_is_no_number_in_range_is_refused_by_name(value: Any) -> None:
    """Python's JSON writes and reads NaN and Infinity, and whole numbers of any length."""
    with pytest.raises(BadInputError, match=r"start_time is .*, expected a number in \[0, 9\]"):
        fields(start_time=value).number("start_time", 0, 9)


def test_messages_name_the_path_of_a_field() -> None:
    with pytest.raises(BadInputError, match=r"video\.size is missing, expected a number"):
        fields(video={}).part("video").number("size", 0, 9)
    with pytest.raises(BadInputError, match=r"box is \[1, 2\], expected a list of 4 numbers"):
        fields(box=[1, 2]).numbers("box", 4, 0, 9)
    with pytest.raises(BadInputError, match=r"size is 2\.5, expected whole numbers"):
        fields(size=2.5).whole("size", 0, 9)
