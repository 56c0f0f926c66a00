import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.outcomes import BadInputError, Outcome, RejectedError, count_outcomes, count_reasons, reason_class


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (RejectedError("no overlay found: 3 inliers"), "rejected", "no overlay found: 3 inliers"),
        (BadInputError("truncated: ends\nearly"), "failed", "truncated: ends early"),
        (ValueError("odd"), "failed", "ValueError: odd"),
        (KeyError(), "failed", "KeyError: KeyError"),
    ],
)
def test_an_exception_stands_for_an_outcome_with_a_reason_of_one_line(error, kind, reason) -> None:
    outcome = Outcome.from_exception(error)
    assert (outcome.kind, outcome.reason) == (kind, reason)


def test_only_what_nobody_expected_keeps_its_traceback() -> None:
    try:
        raise ValueError("odd")
    except ValueError as error:
        assert "test_outcomes.py" in Outcome.from_exception(error).error
    assert Outcome.from_exception(BadInputError("bad")).error == ""
    assert Outcome.from_exception(RejectedError("no")).error == ""


outcomes = st.lists(
    st.sampled_from([Outcome.ok(), Outcome.rejected("a: 1"), Outcome.rejected("b"), Outcome("failed", "a: 2")])
)


@given(outcomes)
def test_the_three_kinds_add_up_and_reasons_add_up_to_their_kind(found: list[Outcome]) -> None:
    counts = count_outcomes(found)
    assert list(counts) == ["ok", "rejected", "failed"] and sum(counts.values()) == len(found)
    for kind in ("rejected", "failed"):
        assert sum(count_reasons(found, kind).values()) == counts[kind]


def test_a_reason_is_counted_by_what_stands_before_its_colon() -> None:
    assert reason_class("timeout: 12 s: wall") == "timeout"
    assert reason_class("no overlay found") == "no overlay found"
