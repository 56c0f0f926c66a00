"""Metadata from outside, field by field: each is of the right type and in its range, or is refused by name.

Every refusal is a `BadInputError` of the kind `bad metadata`. It names the field, what it holds and what is expected.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.outcomes import BadInputError


@dataclass(frozen=True)
class Fields:
    """Some named values of a JSON object.

    Attributes:
        where: what they belong to, for messages.
        values: as they were read.
        parent: path of the object in the file, with its final dot; empty for the file itself.
    """

    where: str
    values: Mapping[str, Any]
    parent: str = ""

    def has(self, name: str) -> bool:
        """Return whether a field is there, whatever it holds."""
        return name in self.values

    def is_given(self, name: str) -> bool:
        """Return whether a field holds anything: neither null nor an empty list, object or text."""
        return self.values.get(name) not in (None, [], {}, "")

    def part(self, name: str) -> Fields:
        """Return the object that a field holds."""
        value = self.values.get(name)
        if not isinstance(value, Mapping):
            raise self._wrong(name, "an object")
        return Fields(self.where, value, f"{self.parent}{name}.")

    def text(self, name: str) -> str:
        """Return a text; empty where the field is missing or null."""
        value = self.values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or not _is_writable(value):
            raise self._wrong(name, "a text")
        return value

    def number(self, name: str, low: float, high: float) -> float:
        """Return a finite number in [low, high]."""
        return self._number(name, self.values.get(name), low, high)

    def whole(self, name: str, low: int, high: int) -> int:
        """Return a whole number in [low, high]; 3.0 is one."""
        return self._whole(name, self.number(name, low, high))

    def numbers(self, name: str, count: int, low: float, high: float) -> tuple[float, ...]:
        """Return a list of so many finite numbers in [low, high]."""
        value = self.values.get(name)
        if not isinstance(value, list) or len(value) != count:
            raise self._wrong(name, f"a list of {count} numbers")
        return tuple(self._number(name, item, low, high) for item in value)

    def wholes(self, name: str, count: int, low: int, high: int) -> tuple[int, ...]:
        """Return a list of so many whole numbers in [low, high]."""
        return tuple(self._whole(name, value) for value in self.numbers(name, count, low, high))

    def _whole(self, name: str, value: float) -> int:
        if value != int(value):
            raise self._wrong(name, "whole numbers")
        return int(value)

    def _number(self, name: str, value: Any, low: float, high: float) -> float:
        usable = isinstance(value, int | float) and not isinstance(value, bool)
        # Python compares whole numbers of any length with a float; only then is it safe to convert them.
        if not usable or not low <= value <= high or not math.isfinite(value):
            raise self._wrong(name, f"a number in [{low:g}, {high:g}]")
        return float(value)

    def _wrong(self, name: str, expected: str) -> BadInputError:
        got = reprlib.repr(self.values[name]) if name in self.values else "missing"
        return BadInputError(f"bad metadata: {self.where}: {self.parent}{name} is {got}, expected {expected}")


def read_fields(data: bytes, where: str) -> Fields:
    """Return the fields of a JSON object.

    Raises:
        BadInputError: the bytes are no JSON object, or one that is nested too deeply.
    """
    try:
        found = json.loads(data)
    except RecursionError as error:
        raise BadInputError(f"bad metadata: {where}: nested too deeply") from error
    except ValueError as error:
        raise BadInputError(f"bad metadata: {where}: no JSON: {error}") from error
    if not isinstance(found, Mapping):
        raise BadInputError(f"bad metadata: {where}: holds {reprlib.repr(found)}, expected an object")
    return Fields(where, found)


def _is_writable(text: str) -> bool:
    """Return whether a text can be written as UTF-8; JSON may hold halves of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
