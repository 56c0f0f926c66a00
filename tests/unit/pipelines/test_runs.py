import dagster as dg
import pytest

from pipelines import runs
from pipelines.listening import RUN_LOGGER, listener
from pipelines.runs import DONE, run_job


@dg.asset(key=["toy", "first"], check_specs=[dg.AssetCheckSpec("sound", asset=["toy", "first"], blocking=True)])
def first(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    context.log.info("half way")
    passed = not context.run.tags.get("spoil")
    return dg.MaterializeResult(
        metadata={"num_done": 2},
        check_results=[dg.AssetCheckResult(passed=passed, check_name="sound")],
    )


class Greeting(dg.Config):
    word: str = "hello"


@dg.asset(key=["toy", "second"], deps=[first])
def second(config: Greeting) -> None:
    if config.word == "bang":
        raise ValueError("it\nbroke")


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch):
    definitions = dg.Definitions(
        assets=[first, second],
        jobs=[dg.define_asset_job("toys")],
        executor=dg.in_process_executor,
        loggers={"listener": listener},
    )
    monkeypatch.setattr(runs, "build_definitions", lambda _: definitions)
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_a_run_reports_its_steps_and_tells_the_listener(instance: dg.DagsterInstance) -> None:
    heard: list[tuple[str, str]] = []
    before = list(RUN_LOGGER.handlers)
    report = run_job(instance, "toys", "test", listener=lambda key, text: heard.append((key, text)))
    assert report.success and report.error == ""
    assert [step.key for step in report.steps] == ["toy/first", "toy/second"]
    assert report.steps[0].metadata["num_done"] == 2
    assert heard == [
        ("toy/first", ""),
        ("toy/first", "half way"),
        ("toy/first", DONE),
        ("toy/second", ""),
        ("toy/second", DONE),
    ]
    assert RUN_LOGGER.handlers == before, "the listener is gone when the run is over"


def test_a_failed_step_is_told_in_one_line_and_not_raised(instance: dg.DagsterInstance) -> None:
    report = run_job(instance, "toys", "test", config={"toy__second": {"word": "bang"}})
    assert not report.success
    assert report.error == "toy/second: ValueError: it broke"
    assert [step.key for step in report.steps] == ["toy/first"]


def test_a_blocking_check_that_fails_is_named(instance: dg.DagsterInstance) -> None:
    report = run_job(instance, "toys", "test", tags={"spoil": "1"})
    assert not report.success
    assert report.steps[0].failed_checks == ("sound",)
