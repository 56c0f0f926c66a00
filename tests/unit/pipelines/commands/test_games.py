"""The simulator from the command line: a game of ViZDoom, and the toy under the clock."""

import json
from dataclasses import replace
from pathlib import Path

import av
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

from models.policy.checkpoint import save_policy
from models.policy.modeling import Policy
from pipelines.cli import app
from simulator import install
from simulator.games import GAMES
from simulator.native.build import NativeError
from tests.unit.models.policy.test_modeling import mini
from tests.unit.simulator.toy import PLAY, needs_a_compiler_and_a_display, toy_spec  # noqa: F401


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OVERPLAY_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: object, code: int = 0) -> str:
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert done.exit_code == code, done.output
        return " ".join(done.output.split())

    return invoke


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    policy = Policy(mini())
    save_policy(tmp_path / "mini", policy.config, policy.state_dict(), {"action_hz": 30})
    return tmp_path / "mini"


def test_games_are_listed_and_what_is_missing_is_told_with_its_command(run, monkeypatch):
    def nothing(name: str) -> None:
        raise NativeError(f"there is no program {name}")

    monkeypatch.setattr(install, "find_program", nothing)
    listed = run("games", "list")
    assert all(game.name[:8] in listed for game in GAMES.values())
    said = run("games", "doctor")
    assert "Neverball: there is no program neverball; run: apt-get install -y --no-install-recommends neverball" in said
    assert "Doom: installed, time can be locked" in said
    assert "nothing is missing" in run("games", "install", "Doom")
    monkeypatch.setattr(install.os, "geteuid", lambda: 1000)
    assert "run: sudo apt-get install" in run("games", "install", "Neverball", code=1)
    assert "no game 'Quake'" in run("games", "install", "Quake", code=2)


def test_replays_are_compared_and_where_they_part_there_is_a_picture(run, monkeypatch, tmp_path):
    said = run("replay-check", "Doom", "--seconds", 1, "--out", tmp_path)
    assert "30 of 30 frames identical" in said
    report = json.loads((tmp_path / "Doom-Gallery-locked.json").read_text())
    assert (report["num_identical"], report["first_divergence"], report["pauses"]) == (30, -1, True)
    monkeypatch.setitem(GAMES, "Toy", toy_spec(PLAY))
    said = run("replay-check", "Toy", "--seconds", 1, "--mode", "clamped", "--out", tmp_path, code=1)
    assert "the runs part at frame" in said
    assert (tmp_path / "Toy-Roll-clamped.png").stat().st_size > 100


def test_a_checkpoint_plays_stepped_and_in_real_time_and_is_recorded(run, checkpoint, monkeypatch, tmp_path):
    toy = toy_spec(PLAY)
    monkeypatch.setitem(GAMES, "Toy", replace(toy, tasks=(replace(toy.tasks[0], time_limit_s=1.5),)))
    for options in ((), ("--realtime",)):
        log, film = tmp_path / "played.parquet", tmp_path / "film.jpg"
        said = run("play", "--checkpoint", checkpoint, "--game", "Toy", "--film", film, "--log", log, *options)
        assert pq.read_table(log).num_rows == 90
        assert film.read_bytes()[:2] == b"\xff\xd8"
        assert ("answers" in said) == bool(options)
        log.unlink()
    run(
        "record", "clip", "--policy", checkpoint, "--game", "Toy", "--seconds", 1, "--overlay", "ps4-flat-01", "--clean"
    )
    assert pq.read_table("recordings/clip.parquet").num_rows == 60
    for name in ("clip.mp4", "clip.clean.mp4"):
        with av.open(f"recordings/{name}") as video:
            assert sum(1 for _ in video.decode(video=0)) == 60
    assert "no policy at 'nobody'" in run("record", "x", "--policy", "nobody", "--game", "Toy", code=1)


def test_a_suite_is_written_down(run, tmp_path):
    said = run(
        "evaluate", "--suite", "Doom-Gallery", "--policy", "no-op", "--episodes", 2, "--out", tmp_path / "suites"
    )
    folder = tmp_path / "suites/Doom-Gallery/no-op"
    assert {path.name for path in folder.iterdir()} == {"Doom-Gallery.json", "Doom-Gallery.jpg", "suite.json"}
    assert "kind combat" in said
    assert json.loads((folder / "suite.json").read_text())["metadata"]["success/all"] == 0
