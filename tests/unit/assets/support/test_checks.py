import dagster as dg
import pytest

from assets.support.checks import check_no_problems, check_range, check_warning


@pytest.mark.parametrize("problems, passed", [({}, True), ({"lost": []}, True), ({"lost": ["a"]}, False)])
def test_a_problem_in_a_list_fails_the_check(problems: dict, passed: bool) -> None:
    result = check_no_problems("sound", ["b1", "b2"], **problems)
    assert result.passed is passed
    assert result.metadata["batches"].value == "b1, b2"


@pytest.mark.parametrize("by_batch, passed", [({"b1": [], "b2": []}, True), ({"b1": [], "b2": ["x"]}, False)])
def test_a_problem_of_one_batch_fails_the_check(by_batch: dict, passed: bool) -> None:
    result = check_no_problems("sound", list(by_batch), broken=by_batch)
    assert result.passed is passed
    assert result.metadata["broken"].value == by_batch


def test_an_event_carries_a_hundred_problems_at_most() -> None:
    result = check_no_problems("sound", [], lost=[str(number) for number in range(101)])
    assert not result.passed
    assert len(result.metadata["lost"].value) == 100


@pytest.mark.parametrize("value, passed", [(0.1, True), (0.5, True), (0.9, True), (0.09, False), (0.91, False)])
def test_limits_belong_to_the_range(value: float, passed: bool) -> None:
    result = check_range("usual", ["b1"], value, (0.1, 0.9))
    assert result.passed is passed
    assert result.metadata["expected"].value == "0.1 to 0.9"


def test_a_warning_blocks_nothing() -> None:
    result = check_warning("odd", False, {"share": 0.2})
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert not result.passed
