"""Rules that tasks are judged by: small values that can be compared, printed and pickled."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Facts = Mapping[str, float]

_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "==": operator.eq,
}


@dataclass(frozen=True)
class Sum:
    """A weighted sum of facts.

    Attributes:
        terms: (name of a fact, weight) pairs.
        unit: the sum is divided by it.
    """

    terms: tuple[tuple[str, float], ...]
    unit: float = 1.0

    def __call__(self, facts: Facts) -> float:
        """Return the sum."""
        return sum((weight * facts[name] for name, weight in self.terms), 0.0) / self.unit


@dataclass(frozen=True)
class Holds:
    """Comparisons of facts, all of which must hold.

    Attributes:
        comparisons: (name of a fact, one of `>=`, `>` and `==`, value) triples.

    Raises:
        ValueError: another sign.
    """

    comparisons: tuple[tuple[str, str, float], ...]

    def __post_init__(self) -> None:
        for _, sign, _ in self.comparisons:
            if sign not in _COMPARISONS:
                raise ValueError(f"a comparison is one of {', '.join(_COMPARISONS)}, got {sign!r}")

    def __call__(self, facts: Facts) -> bool:
        """Return whether all of them hold."""
        return all(_COMPARISONS[sign](facts[name], value) for name, sign, value in self.comparisons)


@dataclass(frozen=True)
class OneWhere:
    """A score of 1 where a rule holds, else 0.

    Attributes:
        rule: the rule.
    """

    rule: Holds

    def __call__(self, facts: Facts) -> float:
        """Return the score."""
        return float(self.rule(facts))


def fact(name: str, unit: float = 1.0) -> Sum:
    """Return the score that is one fact, in units."""
    return Sum(((name, 1.0),), unit)


def holds(*comparisons: tuple[str, str, float]) -> Holds:
    """Return the rule of (name of a fact, sign, value) triples that must all hold."""
    return Holds(comparisons)


def no_score(facts: Facts) -> float:
    """Return 0: nothing is counted."""
    return 0.0


def never(facts: Facts) -> bool:
    """Return False: nothing succeeds."""
    return False
