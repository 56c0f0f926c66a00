"""Dagster's own API: what the UI says to its server, said by a test."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_DONE = ("COMPLETED_SUCCESS", "COMPLETED_FAILED", "CANCELED", "FAILED", "COMPLETED")
_BACKFILL = """
query ($id: String!) { partitionBackfillOrError(backfillId: $id) { __typename
  ... on PythonError { message }
  ... on PartitionBackfill { status error { message } runs(limit: 100) { id status tags { key value } } } } }
"""
_LAUNCH = """
mutation ($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) { __typename
  ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }
"""

_LAUNCH_RUN = """
mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } } } }
"""
_RUN = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


@dataclass(frozen=True)
class Client:
    """Speaks GraphQL.

    Attributes:
        url: of the server.
    """

    url: str

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data of a query.

        Raises:
            OSError: nobody answers.
            RuntimeError: the server does not understand.
        """
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            result: dict[str, Any] = json.load(answer)
        if result.get("errors"):
            raise RuntimeError(str(result["errors"])[:2000])
        return dict(result["data"])

    def ready(self) -> bool:
        """Return whether the UI has loaded the definitions and all daemons are well."""
        data = self.ask(
            "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } "
            "instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
        )
        daemons = data["instance"]["daemonHealth"]["allDaemonStatuses"]
        needed = [status for status in daemons if status["required"]]
        return bool(data["repositoriesOrError"]["nodes"]) and bool(needed) and all(s["healthy"] for s in needed)

    def launch_backfill(self, assets: Sequence[str], partitions: Sequence[str], config: dict[str, Any]) -> str:
        """Start a backfill of assets over partitions, as the UI's button does; return its id."""
        params = {
            "assetSelection": [{"path": key.split("/")} for key in assets],
            "partitionNames": list(partitions),
            "runConfigData": config,
            "tags": [],
        }
        answer = self.ask(_LAUNCH, params=params)["launchPartitionBackfill"]
        if "backfillId" not in answer:
            raise RuntimeError(f"no backfill: {answer}")
        return str(answer["backfillId"])

    def launch_job(self, job: str, partition: str, config: dict[str, Any], tags: dict[str, str]) -> str:
        """Start a run of a job over a partition, as a schedule or sensor does; return its id."""
        selector = {"repositoryLocationName": "overplay", "repositoryName": "__repository__", "jobName": job}
        listed = [{"key": key, "value": value} for key, value in {**tags, "dagster/partition": partition}.items()]
        params = {"selector": selector, "runConfigData": config, "executionMetadata": {"tags": listed}}
        answer = self.ask(_LAUNCH_RUN, params=params)["launchRun"]
        if "run" not in answer:
            raise RuntimeError(f"no run: {answer}")
        return str(answer["run"]["runId"])

    def wait_for_run(self, run_id: str, wait_s: float) -> str:
        """Return the status in which a run ended."""
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            try:
                status = str(self.ask(_RUN, id=run_id)["runOrError"]["status"])
            except (OSError, RuntimeError, KeyError):  # the database or the UI is being started again
                status = ""
            if status in ("SUCCESS", "FAILURE", "CANCELED"):
                return status
            time.sleep(1)
        raise RuntimeError(f"run {run_id} did not end in {wait_s:.0f} s")

    def backfill(self, backfill_id: str) -> dict[str, Any]:
        """Return a backfill's status and runs."""
        return dict(self.ask(_BACKFILL, id=backfill_id)["partitionBackfillOrError"])

    def watch(
        self, backfill_id: str, wait_s: float, look: Callable[[dict[str, Any]], None] = lambda state: None
    ) -> dict[str, Any]:
        """Return a backfill's state when it has ended; `look` is shown each state on the way."""
        deadline, last = time.monotonic() + wait_s, ""
        while time.monotonic() < deadline:
            try:
                state = self.backfill(backfill_id)
            except (OSError, RuntimeError):  # the database or the UI is being started again
                time.sleep(1)
                continue
            runs = {run["id"][:8]: run["status"] for run in state.get("runs", [])}
            line = f"backfill {backfill_id}: {state.get('status')} {runs}"
            if line != last:
                print(line, flush=True)
                last = line
            if state.get("status") in _DONE:
                return state
            look(state)
            time.sleep(1)
        raise RuntimeError(f"the backfill did not end in {wait_s:.0f} s: {last}")
