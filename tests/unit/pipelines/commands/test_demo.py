from types import SimpleNamespace

import pytest

from ops.outcomes import Outcome
from ops.store.batch import Unit
from pipelines import runs
from pipelines.commands import demo
from pipelines.demo import report, results
from pipelines.demo import run as demo_run
from pipelines.demo.results import ClipResult
from pipelines.demo.run import DemoConfig, DemoRun
from pipelines.runs import Step


@pytest.fixture
def lineage(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands for the lineage: what was asked for, and what it answers."""
    known = SimpleNamespace(config=None, answer=DemoRun([], [Step("x", {"num_done": 1})], wall_s=3.0), clips=[])

    def run(store, config: DemoConfig, listener) -> DemoRun:
        known.config = config
        if isinstance(known.answer, Exception):
            raise known.answer
        return known.answer

    monkeypatch.setattr(demo_run, "run_demo", run)
    monkeypatch.setattr(results, "collect", lambda *_: SimpleNamespace(stages=[], clips=known.clips))
    monkeypatch.setattr(report, "write_report", lambda path, *_: path.write_text("report"))
    monkeypatch.setattr(report, "summary_rows", lambda _: [])
    return known


def test_options_arrive_and_the_report_is_written(run, tmp_path, lineage: SimpleNamespace) -> None:
    out = tmp_path / "demo.html"
    done = run("demo", "--out", out, "--clip", "gallery-01", "--episodes", 4, "--serial")
    assert done.exit_code == 0, done.output
    assert lineage.config == DemoConfig(names=("gallery-01",), environment="test", num_episodes=4)
    assert out.read_text() == "report"
    assert "Nothing had to be done" not in done.output


def test_a_second_run_says_that_nothing_had_to_be_done_and_what_failed(run, tmp_path, lineage: SimpleNamespace) -> None:
    torn = Unit("generic-torn", Outcome("failed", "truncated: ends early"))
    clip = {"name": "torn", "box": None, "expected": "failed"}
    lineage.clips, lineage.answer = [ClipResult(clip, "b", torn, "raw/videos", torn)], DemoRun([])
    done = run("demo", "--out", tmp_path / "x.html")
    assert done.exit_code == 0
    assert "Nothing had to be done" in done.output
    assert "tried again on every run: torn" in done.output


@pytest.mark.parametrize(
    "answer, said",
    [
        (ValueError("no clip 'x'"), "no clip 'x'"),
        (FileNotFoundError("no clips.json"), "no clips.json"),
        (DemoRun([], error="overlay/crops: no space left"), "run the demo again to go on"),
    ],
)
def test_what_went_wrong_is_said_and_no_report_written(run, tmp_path, lineage, answer: object, said: str) -> None:
    lineage.answer = answer
    done = run("demo", "--out", tmp_path / "x.html")
    assert done.exit_code == 1
    assert said in " ".join(done.output.split())
    assert not (tmp_path / "x.html").exists()


def test_the_narrator_tells_beginning_message_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    tell = demo._Narrator()
    for message in ("", "12/50 done", runs.DONE):
        tell("overlay/crops", message)
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == "overlay/crops ..."
    assert second == "  12/50 done"
    assert third.startswith("overlay/crops: 0.") and third.endswith(" s")


def test_the_word_for_done_is_the_one_of_runs() -> None:
    assert demo.DONE == runs.DONE
