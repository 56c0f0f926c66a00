"""Run jobs in this process on the machine's instance, and say in one shape what they did."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from pipelines.definitions import build_definitions
from pipelines.environment import Environment
from pipelines.listening import RUN_LOGGER

#: Called with a step's asset key and what it says; empty when it begins, `DONE` when it has ended well.
Listener = Callable[[str, str], None]
DONE = "done"

#: Only the listener hears of the run; its events are in the instance.
_LOGGERS = {"listener": {"config": {}}}


@dataclass(frozen=True)
class Step:
    """What one asset of a run reported.

    Attributes:
        key: of the asset, joined by `/`.
        metadata: plain values by name.
        failed_checks: blocking checks that did not pass.
    """

    key: str
    metadata: dict[str, Any]
    failed_checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunReport:
    """What a run did.

    Attributes:
        success: whether all steps ended well.
        steps: in the order they ran.
        error: of the step that failed, one line.
    """

    success: bool
    steps: tuple[Step, ...] = field(default=())
    error: str = ""


def run_job(
    instance: dg.DagsterInstance,
    job: str,
    environment: Environment = "local",
    partition_key: str | None = None,
    config: dict[str, Any] | None = None,
    listener: Listener | None = None,
    tags: dict[str, str] | None = None,
) -> RunReport:
    """Run a job to its end in this process; a failed step ends it and is reported, not raised.

    Args:
        instance: keeps the run's events, so that the UI shows them.
        job: name of a job.
        environment: which engine fans out.
        partition_key: the batch, for jobs over batches.
        config: of assets, by their Dagster op name (`dataset__chunks`).
        listener: hears when steps begin and what they log.
        tags: of the run.
    """
    definition = build_definitions(environment).resolve_job_def(job)
    run_config = {"loggers": _LOGGERS, "ops": {name: {"config": values} for name, values in (config or {}).items()}}
    with _listening(listener):
        result = definition.execute_in_process(
            run_config=run_config, instance=instance, partition_key=partition_key, raise_on_error=False, tags=tags
        )
    return RunReport(result.success, tuple(_steps(result)), _first_error(result))


def _steps(result: dg.ExecuteInProcessResult) -> list[Step]:
    failed: dict[str, list[str]] = {}
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR:
            failed.setdefault(evaluation.asset_key.to_user_string(), []).append(evaluation.check_name)
    return [
        Step(
            key,
            {name: value.value for name, value in event.materialization.metadata.items()},
            tuple(failed.get(key, ())),
        )
        for event in result.get_asset_materialization_events()
        if (key := event.asset_key.to_user_string())
    ]


def _first_error(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            root = error.cause or error if error else None
            text = " ".join(root.message.split()) if root else "failed"
            return f"{(event.step_key or '').replace('__', '/')}: {text}"
    return ""


@contextmanager
def _listening(listener: Listener | None) -> Iterator[None]:
    """Hand what the run's steps say to a listener while the block runs."""
    handler = _Handler(listener) if listener else logging.NullHandler()
    RUN_LOGGER.addHandler(handler)
    try:
        yield
    finally:
        RUN_LOGGER.removeHandler(handler)


class _Handler(logging.Handler):
    def __init__(self, listener: Listener) -> None:
        super().__init__(logging.DEBUG)
        self._listener = listener

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        key = (meta.get("step_key") or "").replace("__", "/")
        if event is None and key:
            self._listener(key, str(meta.get("orig_message", record.getMessage())))
        elif event is not None and event.event_type_value == "STEP_START":
            self._listener(key, "")
        elif event is not None and event.event_type_value == "STEP_SUCCESS":
            self._listener(key, DONE)
