"""Rules of tasks are values: what they say, and that they travel."""

import pickle

import pytest

from simulator.games.rules import Holds, OneWhere, Sum, fact, holds, never, no_score

FACTS = {"kills": 3.0, "deaths": 1.0, "health": 0.0}


def test_scores_are_sums_in_units():
    assert Sum((("kills", 1.0), ("deaths", -1.0)))(FACTS) == 2
    assert fact("kills", unit=2.0)(FACTS) == 1.5
    assert Sum(())(FACTS) == 0


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (holds(("kills", ">=", 3)), True),
        (holds(("kills", ">=", 3), ("health", ">", 0)), False),
        (holds(("deaths", "==", 1), ("health", "==", 0)), True),
    ],
)
def test_all_comparisons_must_hold(rule, expected):
    assert rule(FACTS) is expected
    assert OneWhere(rule)(FACTS) == float(expected)


def test_another_sign_is_an_error():
    with pytest.raises(ValueError, match="one of >=, >, ==, got '<'"):
        Holds((("kills", "<", 3),))


def test_free_play_scores_nothing():
    assert (no_score(FACTS), never(FACTS)) == (0, False)


def test_rules_are_equal_after_pickling():
    rule = OneWhere(holds(("kills", ">=", 3)))
    assert pickle.loads(pickle.dumps(rule)) == rule
