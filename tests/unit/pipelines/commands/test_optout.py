from pathlib import Path

import pytest

from ops.crawl.catalog import Discovered, merge_discovered, read_catalog, write_catalog
from ops.outcomes import Outcome
from ops.store.batch import Unit
from ops.store.storage import Store

BATCH = "batch-000001"


@pytest.fixture(autouse=True)
def _videos(store: Store) -> None:
    found = [
        Discovered(name, "list", f"https://a.test/{name}", title=name, channel=channel)
        for name, channel in (("a", "Ann"), ("b", "Bob"))
    ]
    write_catalog(store, merge_discovered((), found, "2026-01-01", 50).videos)
    for name in "ab":
        store.write_bytes(f"raw/videos/{BATCH}/{name}/video.mp4", b"x" * 1000)
    units = [Unit(name, Outcome.ok()).to_record() for name in "ab"]
    store.write_json(f"raw/videos/{BATCH}/manifest.json", {"units": units})


def test_a_request_is_noted_and_removes_nothing_yet(run, store: Store) -> None:
    done = run("optout", "add", "a", "--reason", "asked by mail")
    assert done.exit_code == 0, done.output
    assert "Add --apply to remove" in done.output
    assert store.exists(f"raw/videos/{BATCH}/a/video.mp4")
    listed = run("optout", "list").output
    assert "asked by mail" in listed and "1 videos of the ledger are left out" in listed


def test_applying_removes_the_video_and_leaves_the_other(run, store: Store) -> None:
    done = run("optout", "add", "Ann", "--kind", "creator", "--apply")
    assert done.exit_code == 0, done.output
    assert not store.exists(f"raw/videos/{BATCH}/a/video.mp4")
    assert store.exists(f"raw/videos/{BATCH}/b/video.mp4")
    assert {video.video_id: video.opt_out for video in read_catalog(store)} == {"a": True, "b": False}
    assert run("optout", "apply").exit_code == 0, "once more costs nothing"


def test_exports_outside_the_store_are_cleared_too(run, tmp_path: Path) -> None:
    export = tmp_path / "labels"
    for name in "ab":
        (export / name).mkdir(parents=True)
        (export / name / "report.json").write_text("{}")
    run("optout", "add", "a")
    assert run("optout", "apply", "--export", export).exit_code == 0
    assert [folder.name for folder in export.iterdir()] == ["b"]


def test_an_export_that_is_not_there_is_bad_usage_and_nothing_is_removed(run, store: Store, tmp_path: Path) -> None:
    run("optout", "add", "a")
    done = run("optout", "apply", "--export", tmp_path / "none")
    assert done.exit_code == 2 and "no such folder" in " ".join(done.output.split())
    assert store.exists(f"raw/videos/{BATCH}/a/video.mp4")


def test_a_name_that_means_nothing_is_refused(run) -> None:
    done = run("optout", "add", " ")
    assert done.exit_code == 1 and "Traceback" not in done.output


@pytest.mark.parametrize("left, said", [(["raw/videos/x"], "1 files came back"), ([], "")])
def test_files_that_came_back_end_with_1(run, monkeypatch: pytest.MonkeyPatch, left: list[str], said: str) -> None:
    from ops.takedown import TakedownReport

    answer = TakedownReport(videos=(), batches=(), left=tuple(left))
    monkeypatch.setattr("ops.takedown.take_down", lambda *_: answer)
    done = run("optout", "apply")
    assert done.exit_code == (1 if left else 0)
    assert said in " ".join(done.output.split())


def test_runs_that_go_on_are_named(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.history.forget_runs", lambda *_: (0, ["run-1"]))
    run("optout", "add", "a")
    done = run("optout", "apply")
    assert done.exit_code == 1 and "run-1" in done.output
