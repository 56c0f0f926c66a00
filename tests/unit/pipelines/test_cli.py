import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from ops.crawl.catalog import read_catalog
from ops.gamepad import PadTrace
from ops.store.storage import Store
from ops.store.tables import trace_to_table
from pipelines.cli import app
from pipelines.instance import dagster_home, open_instance
from tests.factories.media import write_clip
from tests.factories.policy_data import make_dataset
from tests.unit.ops.skins.drawing import GREEN, RED, WHITE, write_png

#: The contract: these names stay.
COMMANDS = {
    "demo": (),
    "label": (),
    "crawl": (),
    "retry": (),
    "cost": (),
    "skins": ("import", "list", "render"),
    "dataset": ("export-nitrogen", "import-nitrogen", "stats", "verify"),
    "optout": ("add", "list", "apply"),
    "labels": ("list", "diff", "choose", "renew"),
    "train": ("parser", "policy"),
    "serve": (),
    "benchmark": ("parser",),
    "play": (),
    "record": (),
    "evaluate": (),
    "games": ("list", "install", "doctor", "sheet"),
    "replay-check": (),
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OVERPLAY_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))

    def invoke(*arguments: object):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "data"))


def test_commands_are_those_of_the_contract() -> None:
    commands = get_command(app).commands
    assert set(COMMANDS) <= set(commands)
    for name, verbs in COMMANDS.items():
        assert set(verbs) <= set(getattr(commands[name], "commands", {})), name


@pytest.mark.parametrize(
    "arguments",
    [
        ("label",),
        ("label", "a.mp4"),
        ("skins", "render", "no-such-skin"),
        ("skins", "render", "ps4-flat-01", "--press", "nothing"),
        ("crawl",),
        ("train", "policy", "--recipe", "nothing"),
        ("evaluate", "--policy", "random", "--game", "Tetris"),
        ("record", "x", "--corner", "middle"),
        ("play", "--replan-rows", "0"),
    ],
)
def test_bad_usage_ends_with_2(run, store: Store, arguments: tuple[str, ...]) -> None:
    if arguments[0] == "train":
        make_dataset(store, num_train=1, num_val=1, seconds=2.0, chunk_s=2.0)
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output


def test_a_skin_is_drawn(run, tmp_path: Path) -> None:
    out = tmp_path / "pictures" / "pad.png"
    assert run("skins", "render", "ps4-flat-01", "--press", "south", "--left", 1, 0, "--out", out).exit_code == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    listed = run("skins", "list").output.split()
    assert "ps4-flat-01" in listed and len(listed) >= 300


def test_skins_are_imported_listed_and_drawn_and_bad_ones_named(run, store: Store, tmp_path: Path) -> None:
    write_png(tmp_path / "in" / "pad.png", 90, 50, (0, 0, 60, 40, WHITE), (70, 0, 8, 8, RED), (70, 11, 8, 8, GREEN))
    body = {"type": 0, "id": "body", "pos": [0, 0], "mapping": [0, 0, 60, 40]}
    button = {"type": 2, "id": "lb", "pos": [10, 10], "mapping": [70, 0, 8, 8], "code": 9}
    record = {"overlay_width": 60, "overlay_height": 40, "elements": [body, button]}
    (tmp_path / "in" / "pad.json").write_text(json.dumps(record))
    (tmp_path / "in" / "torn.json").write_text("{")
    library = tmp_path / "library"
    result = run("skins", "import", tmp_path / "in", "--out", library)
    assert result.exit_code == 1, "a skin was refused"
    lines = result.output.splitlines()
    assert lines[0].startswith("pad.json pad.png: io-in-pad, generic, 1 controls drawn, unknown in labels: back, ")
    assert lines[1].startswith("torn.json: refused: torn.json: not JSON")
    assert lines[-1].endswith("1 refused")
    assert "io-in-pad" in run("skins", "list", "--library", library).output.split()
    sheet = tmp_path / "sheet.png"
    assert run("skins", "render", "--library", library, "--out", sheet).exit_code == 0
    assert sheet.read_bytes().startswith(b"\x89PNG")
    nothing = run("skins", "import", tmp_path / "library" / "io-in-pad")
    assert nothing.exit_code == 1 and "no skin at" in nothing.output
    assert run("label", "x.mp4", "--out", tmp_path, "--library", "huge").exit_code == 2


def test_verify_finds_a_damaged_shard(run, store: Store) -> None:
    assert run("dataset", "verify").exit_code == 1
    make_dataset(store, num_train=1, num_val=1, seconds=2.0, chunk_s=2.0)
    assert run("dataset", "verify").exit_code == 0
    (shard,) = [key for key in store.list("dataset/shards") if key.endswith(".tar")]
    store.write_bytes(shard, store.read_bytes(shard)[:-512])
    result = run("dataset", "verify")
    assert result.exit_code == 1
    assert "the manifest says" in result.output


def test_labels_go_out_and_come_back(run, store: Store, tmp_path: Path) -> None:
    assert run("dataset", "export-nitrogen", tmp_path / "out").exit_code == 1
    make_dataset(store, num_train=1, num_val=1, seconds=2.0, chunk_s=2.0)
    result = run("dataset", "export-nitrogen", tmp_path / "out")
    assert "1 shards, 2 videos, 2 chunks" in result.output, result.output
    result = run("dataset", "import-nitrogen", tmp_path / "out" / "actions" / "SHARD_0000.tar.gz")
    assert result.exit_code == 0, result.output
    assert "2 videos are not at hand" in result.output
    torn = tmp_path / "torn.tar.gz"
    torn.write_bytes((tmp_path / "out" / "actions" / "SHARD_0000.tar.gz").read_bytes()[:900])
    result = run("dataset", "import-nitrogen", torn)
    assert result.exit_code == 1 and "cut off" in result.output
    assert run("dataset", "import-nitrogen", tmp_path / "nothing").exit_code == 2


def test_crawl_adds_sources_and_partitions(run, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    write_clip(folder / "one.mp4")
    first = run("crawl", folder, "--game", "Doom")
    assert first.exit_code == 0, first.output
    assert "1 found, 1 new; new batches: batch-000001" in first.output
    assert "0 new; new batches: none" in run("crawl").output
    (video,) = read_catalog(store)
    assert (video.video_id, video.game) == ("one", "Doom")
    with open_instance(dagster_home(store)) as instance:
        assert instance.get_dynamic_partitions("video_batch") == ["batch-000001"]


def test_label_says_why_a_video_failed_and_does_the_others(run, tmp_path: Path, monkeypatch) -> None:
    _use_library_of_one(tmp_path / "library", monkeypatch)
    (tmp_path / "torn.mp4").write_bytes(b"not a video at all")
    write_clip(tmp_path / "plain.mp4")
    out = tmp_path / "labels"
    result = run("label", tmp_path / "torn.mp4", tmp_path / "plain.mp4", "--out", out)
    assert result.exit_code == 1
    assert "torn: failed: not a video" in result.output
    assert "plain: rejected: no overlay found" in result.output
    report = json.loads((out / "torn" / "report.json").read_text())
    assert (report["outcome"], report["video_id"]) == ("failed", "torn")


def _use_library_of_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.matchers import library
    from ops.skins.procedural import make_skin

    folder.mkdir()
    make_skin("ps4-flat-01").template().save(folder)
    monkeypatch.setattr(library, "cached_library", lambda *_: folder)


def test_two_videos_of_one_name_are_refused(run, tmp_path: Path) -> None:
    result = run("label", "a/x.mp4", "b/x.mp4", "--out", tmp_path)
    assert result.exit_code == 2
    assert "two videos are called 'x'" in " ".join(result.output.split())


def test_benchmark_groups_recordings_and_writes_its_tables(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The labels come from the truth here: reading itself is tested elsewhere."""
    rng = np.random.default_rng(0)
    truth = {}
    for name, family in (("one", "ps4"), ("two", "ps5")):
        buttons = (rng.random((90, 17)) < 0.3).astype(np.float32)
        truth[name] = PadTrace.known(np.arange(90) / 30, buttons, rng.uniform(-1, 1, (90, 4)))
        (tmp_path / f"{name}.mp4").touch()
        pq.write_table(trace_to_table(truth[name]), tmp_path / f"{name}.parquet")
        spans = [
            {"start_s": 0.5, "stop_s": 2.0, "box": [0, 0, 10, 6]},
            {"start_s": 2, "stop_s": 3, "box": [50, 50, 9, 9]},
        ]
        facts = {"name": name, "family": family, "box": [0, 0, 10, 10], "spans": spans if name == "one" else []}
        facts["offset_frames"] = 4 if name == "one" else None
        (tmp_path / f"{name}.json").write_text(json.dumps(facts))
    (tmp_path / "plain.mp4").touch()
    pq.write_table(trace_to_table(truth["one"]), tmp_path / "plain.parquet")
    tracks = [
        {"start_s": 0.0, "stop_s": 1.75, "box": [0, 0, 10, 5]},
        {"start_s": 0.0, "stop_s": 1.0, "box": [80, 80, 10, 5]},
    ]
    ok = {"outcome": "ok", "template": "t", "box": [0, 0, 10, 5], "tracks": tracks, "reason": ""}
    ok |= {"offset_frames": 5, "offset_interval": [3, 6], "offset_reason": None}
    reports: dict[str, Any] = dict.fromkeys(truth, ok)
    reports["plain"] = {
        "outcome": "rejected",
        "template": "",
        "box": None,
        "tracks": None,
        "reason": "no overlay found",
    }
    monkeypatch.setattr("ops.stages.label_file.LabelJob.run", lambda job, video, *_: reports[video.stem])
    monkeypatch.setattr("assets.workers.parser_scores.read_labels", lambda folder: truth[folder.name])
    out = tmp_path / "out"
    result = run("benchmark", "parser", tmp_path, "--out", out)
    assert result.exit_code == 0, result.output
    tables = json.loads((out / "benchmark.json").read_text())
    assert [row["family"] for row in tables["families"]] == ["ps4", "ps5"]
    assert tables["recordings"][0]["box IoU"] == 0.5
    assert tables["recordings"][1]["accuracy"] is None
    assert tables["recordings"][-1]["press_f1"] == 1
    assert {row["reading"] for row in tables["baselines"]} == {"always released", "copy last frame"}
    assert tables["events"][0]["within 0"] == 1
    found, missed, false = tables["spans"]
    assert (found["start error, s"], found["stop error, s"]) == (-0.5, -0.25) and found["box IoU"] == pytest.approx(
        5 / 6
    )
    assert missed["box IoU"] == 0 and missed["start error, s"] is None
    assert false["recording"] == "one: found, but not there" and false["box IoU"] is None
    delay = {"recording": "one", "true": 4, "estimated": 5, "interval": "[3, 6]", "reason": ""}
    assert tables["delays"] == [delay, delay | {"recording": "two", "true": None}]
    assert "## Doubt" in (out / "benchmark.md").read_text()
    assert (out / "doubt.png").stat().st_size > 1000
    assert run("benchmark", "parser", tmp_path / "nothing").exit_code == 1


def test_benchmark_clips_are_made_once_and_an_unknown_skin_is_told(run, tmp_path: Path) -> None:
    made = run("benchmark", "make", str(tmp_path), "--only", "ps4-flat-01", "--seconds", "1")
    assert made.exit_code == 0 and (tmp_path / "000-ps4-flat-01.json").exists()
    stamp = (tmp_path / "000-ps4-flat-01.mp4").stat().st_mtime_ns
    assert run("benchmark", "make", str(tmp_path), "--only", "ps4-flat-01", "--seconds", "1").exit_code == 0
    assert (tmp_path / "000-ps4-flat-01.mp4").stat().st_mtime_ns == stamp
    changes = tmp_path / "changes"
    arguments = ("--only", "ps4-flat-01", "--seconds", "1", "--kind", "changes")
    assert run("benchmark", "make", str(changes), *arguments).exit_code == 0
    assert json.loads((changes / "000-ps4-flat-01.json").read_text())["kind"] == "late"
    refused = run("benchmark", "make", str(tmp_path), "--only", "wii-*")
    assert refused.exit_code == 1 and "no skin fits; there are 64" in refused.output
