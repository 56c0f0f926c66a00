import pytest

from assets.support.stages import ONLY_TAG
from ops.crawl.catalog import Discovered, flag, merge_discovered, read_catalog, write_catalog
from ops.outcomes import Outcome
from ops.store.batch import Unit
from ops.store.storage import Store
from pipelines import runs
from pipelines.runs import RunReport


@pytest.fixture
def asked(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """The runs that were asked for; the ledger has a, b in the first batch and c in the second."""
    found = [Discovered(name, "list", f"https://a.test/{name}") for name in "abc"]
    write_catalog(store, merge_discovered((), found, "2026-01-01", 2).videos)
    calls: list[tuple] = []

    def run_job(instance, job, environment, batch, tags) -> RunReport:
        calls.append((job, environment, batch, tags[ONLY_TAG]))
        return RunReport(True)

    monkeypatch.setattr(runs, "run_job", run_job)
    return calls


def _write(store: Store, stage: str, batch: str, **outcomes: Outcome) -> None:
    units = [Unit(name, outcome).to_record() for name, outcome in outcomes.items()]
    store.write_json(f"{stage}/{batch}/manifest.json", {"units": units})


def test_each_batch_is_run_once_for_its_own_videos(run, store: Store, asked: list) -> None:
    _write(store, "raw/videos", "batch-000001", a=Outcome.ok(), b=Outcome("failed", "network: cut"))
    _write(store, "overlay/locations", "batch-000001", a=Outcome.rejected("no overlay"))
    done = run("retry", "c", "a", "--serial")
    assert done.exit_code == 0, done.output
    assert asked == [("batch", "test", "batch-000001", "a"), ("batch", "test", "batch-000002", "c")]
    assert done.output.splitlines() == ["a raw/videos: ok", "a overlay/locations: rejected no overlay"]


def test_a_video_that_failed_again_ends_with_1(run, store: Store, asked: list) -> None:
    _write(store, "raw/videos", "batch-000001", a=Outcome.ok(), b=Outcome("failed", "network: cut"))
    done = run("retry", "a", "b")
    assert done.exit_code == 1
    assert asked == [("batch", "local", "batch-000001", "a,b")]
    assert "b raw/videos: failed network: cut" in done.output


def test_a_run_that_failed_is_told(run, asked: list, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "run_job", lambda *_, **__: RunReport(False, (), "raw/videos: no space left"))
    done = run("retry", "a")
    assert done.exit_code == 1 and "batch-000001: raw/videos: no space left" in done.output


def test_videos_that_may_not_be_made_are_refused_before_any_run(run, store: Store, asked: list) -> None:
    write_catalog(store, flag(read_catalog(store), {"b"}, opt_out=True))
    done = run("retry", "a", "b", "nobody")
    assert done.exit_code == 1
    assert "not in the catalog, or opted out: b, nobody" in done.output
    assert asked == []
