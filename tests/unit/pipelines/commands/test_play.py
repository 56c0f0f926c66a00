from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from assets.workers import play as players
from assets.workers import suites
from assets.workers.suites import Episode, Game
from ops.outcomes import BadInputError
from ops.store.storage import Store
from simulator.native.build import NativeError
from simulator.recording import record as recording

EPISODE = Episode(3.5, True, 60, (np.zeros((9, 16, 3), np.uint8),) * 30, None, "1.0 s, 2 answers")


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[Game]:
    games: list[Game] = []
    monkeypatch.setattr(suites, "play_episode", lambda game: games.append(game) or EPISODE)
    return games


def test_an_episode_leaves_a_film(run, tmp_path: Path, played: list[Game]) -> None:
    film = tmp_path / "deep" / "film.jpg"
    done = run("play", "--policy", "random", "--task", "Gallery", "--seed", 3, "--film", film)
    assert done.exit_code == 0, done.output
    assert "return 3.5, success, 60 frames" in " ".join(done.output.split())
    assert film.read_bytes().startswith(b"\xff\xd8")
    assert played == [Game("random", "Doom", "Gallery", 3, 2, film_every=30)]
    assert "answers" not in done.output


def test_real_time_tells_how_late_answers_were(run, tmp_path: Path, played: list[Game]) -> None:
    done = run("play", "--realtime", "--film", tmp_path / "f.jpg")
    assert played[0].realtime and played[0].task is None
    assert "2 answers" in done.output


@pytest.mark.parametrize(
    "error, code, said",
    [
        (FileNotFoundError("x"), 1, "train one with"),
        (BadInputError("torn: x"), 1, "train one with"),
        (NativeError("no compiler"), 1, "no compiler"),
        (ValueError("no game 'x'"), 2, "no game 'x'"),
    ],
)
def test_what_went_wrong_is_said_in_a_line(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, said: str
) -> None:
    def fail(_: Game) -> Episode:
        raise error

    monkeypatch.setattr(suites, "play_episode", fail)
    done = run("play", "--film", tmp_path / "f.jpg")
    assert done.exit_code == code and said in " ".join(done.output.split())
    assert not (tmp_path / "f.jpg").exists()


RESULT = {
    "game": "Doom", "task": "Gallery", "returns": [1.0, 2.0], "mean_return": 1.5, "return_interval": [1.0, 2.0],
    "success_rate": 0.5, "success_interval": [0.1, 0.9],
}  # fmt: skip


def test_an_evaluation_plays_consecutive_seeds_and_is_written(
    run, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matches: list[players.Match] = []
    evaluation = SimpleNamespace(to_dict=lambda: RESULT)
    monkeypatch.setattr(
        players, "play_match", lambda match: matches.append(match) or SimpleNamespace(evaluation=evaluation)
    )
    out = tmp_path / "deep" / "result.json"
    for policy, checkpoint in (("no-op", ""), ("policy/mine", "policy/mine")):
        done = run("evaluate", "--policy", policy, "--episodes", 3, "--seed", 7, "--out", out)
        assert done.exit_code == 0, done.output
        assert (matches[-1].player, matches[-1].checkpoint, matches[-1].seeds) == (policy, checkpoint, (7, 8, 9))
    assert Store(str(tmp_path / "deep")).read_json("result.json")["policy"] == "policy/mine"


def test_a_suite_gets_a_match_for_each_task(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple] = []
    monkeypatch.setattr(
        suites, "play_suite", lambda matches, folder, advance: asked.append((matches, folder)) or {"rows": []}
    )
    done = run("evaluate", "--policy", "random", "--suite", "Doom-Gallery", "--episodes", 2, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    ((matches, folder),) = asked
    assert folder == tmp_path / "Doom-Gallery" / "random"
    assert [(match.game, match.task, match.seeds) for match in matches] == [("Doom", "Gallery", (1000, 1001))]
    assert run("evaluate", "--suite", "nothing").exit_code == 2


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ((), (1280, 720, 320.0, None)),
        (("--size", 640, 360, "--overlay", "ps4-flat-01"), (640, 360, 160.0, "ps4-flat-01")),
    ],
)
def test_a_recording_is_as_large_as_it_is_asked_for(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple, expected: tuple
) -> None:
    configs: list[recording.RecordConfig] = []
    answer = SimpleNamespace(file="x.mp4", num_frames=60, truth="x.parquet")
    monkeypatch.setattr(recording, "record", lambda config, out, make: configs.append(config) or answer)
    done = run("record", "x", "--out", tmp_path, *arguments)
    assert done.exit_code == 0, done.output
    (config,) = configs
    assert (config.width, config.height, config.overlay_px, config.skin_id) == expected
    assert config.policy == "scripted"
