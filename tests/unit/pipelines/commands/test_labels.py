"""`overplay labels` on two small generations; `tests/integration/test_generations.py` has real parsers and shards."""

import re

import numpy as np
import pytest

from ops.gamepad import DATASET, PadTrace
from ops.labels.generations import keep, read_pins
from ops.outcomes import Outcome
from ops.store.batch import Unit
from ops.store.storage import Store
from ops.store.tables import trace_to_table
from pipelines import runs
from pipelines.runs import RunReport, Step

BATCH = "batch-000001"


def _write(store: Store, generation: str, num_pressed: int) -> None:
    buttons = np.zeros((30, DATASET.num_buttons), np.float32)
    buttons[:num_pressed, DATASET.index("south")] = 1
    table = trace_to_table(PadTrace.known(np.arange(30) / 30, buttons, np.zeros((30, 4), np.float32)))
    for asset in ("labels/raw_actions", "labels/actions"):
        store.write_table(f"{asset}/{BATCH}/v/actions.parquet", table)
        unit = Unit("v", Outcome.ok(), files={"actions.parquet": f"sha-{num_pressed}"}).to_record()
        store.write_json(f"{asset}/{BATCH}/v/unit.json", unit)
        store.write_json(f"{asset}/{BATCH}/manifest.json", {"units": [unit]})
    keep(store, BATCH, generation, {"parser": f"parser-of-{generation}"})


@pytest.fixture(autouse=True)
def _generations(store: Store) -> None:
    _write(store, "aaaa1111", 0)
    _write(store, "aabb2222", 4)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    calls: list[tuple] = []

    def run_job(instance, job, environment, batch) -> RunReport:
        calls.append((job, environment, batch))
        return RunReport(True, (Step("labels/actions", {"num_done": 1}),))

    monkeypatch.setattr(runs, "run_job", run_job)
    return calls


def test_generations_are_listed(run) -> None:
    done = run("labels", "list")
    assert done.exit_code == 0
    assert "aaaa1111" in done.output and "aabb2222" in done.output


def test_equal_generations_do_not_differ(run) -> None:
    done = run("labels", "diff", "aaaa", "aaaa1")
    assert done.exit_code == 0 and "nothing differs" in done.output


def test_changed_frames_are_told_by_control_and_drawn(run, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assets.workers.drawing.draw_changes", lambda *_: np.zeros((4, 4, 3), np.uint8))
    picture = tmp_path / "deep" / "diff.png"
    done = run("labels", "diff", "aaaa", "aabb", "--pictures", picture)
    assert done.exit_code == 0, done.output
    words = re.sub(r"[^\w,]+", " ", done.output)
    assert "Changed frames of 30, aaaa1111 to aabb2222" in words
    assert "south 4" in words
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("diff", "aa", "aabb"), "'aa' names 2 generations"),
        (("choose", "ffff"), "'ffff' names 0 generations"),
        (("diff", "aaaa", "aabb", "--batch", "batch-000009"), "not in both generations: batch-000009"),
    ],
)
def test_what_is_not_there_is_told(run, asked: list, arguments: tuple[str, ...], said: str) -> None:
    done = run("labels", *arguments)
    assert done.exit_code == 1 and said in " ".join(done.output.split())
    assert asked == []


def test_a_batch_is_held_and_let_go(run, store: Store, asked: list) -> None:
    assert run("labels", "choose", "aaaa", "--serial").exit_code == 0
    assert read_pins(store) == {BATCH: "aaaa1111"}
    assert run("labels", "choose", "latest").exit_code == 0
    assert read_pins(store) == {}
    assert asked == [("relabel", "test", BATCH), ("relabel", "local", BATCH)]


def test_a_failed_run_ends_the_renewal(run, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(
        runs, "run_job", lambda i, job, e, batch: calls.append(batch) or RunReport(False, (), "no crops")
    )
    done = run("labels", "renew", BATCH, "batch-000002")
    assert done.exit_code == 1 and f"{BATCH}: no crops" in done.output
    assert calls == [BATCH]
