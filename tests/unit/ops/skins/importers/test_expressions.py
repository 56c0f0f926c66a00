"""The small expressions of VSCView layouts."""

import pytest

from ops.outcomes import BadInputError
from ops.skins.importers.expressions import parse


@pytest.mark.parametrize(
    ("text", "inputs", "value"),
    [
        ("stick:x * 16", {"stick:x": -0.5}, -8),
        ("a OR If(b > 0, 1, 0)", {"b": 0.1}, 1),
        ("a AND b", {"a": 1}, 0),
        ("(a + 2) * -3 / 2", {}, -3),
        ("NOT a", {}, 1),
    ],
)
def test_expressions(text: str, inputs: dict, value: float) -> None:
    assert parse(text)(inputs) == value


@pytest.mark.parametrize("text", ["a +", "(a", "If(a, 1)", "a b", "a ? b", "", "(" * 100])
def test_expressions_that_are_not_understood(text: str) -> None:
    with pytest.raises(BadInputError, match="is not understood"):
        parse(text)
