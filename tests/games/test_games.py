"""Debian's games under the clock: `make test-games` installs and runs them."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from ops.store.tables import table_to_trace
from simulator.backends.linux import LinuxBackend
from simulator.checks.replay import random_inputs, replay_check
from simulator.env import GameEnv
from simulator.games import GAMES
from simulator.install import game_status
from simulator.play.policies import NoOpPolicy
from simulator.play.rollout import evaluate
from simulator.play.suites import SUITES
from simulator.recording.record import RecordConfig, record
from simulator.scripted import PLAYERS, make_scripted

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("OVERPLAY_TEST_GAMES") != "1", reason="plays Debian's games; run: make test-games"
    ),
    pytest.mark.timeout(1200),
]
LINUX = [name for name, game in GAMES.items() if game.backend == "linux"]
NUM_FRAMES = 300


def shared_scores() -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in Path("/var/games").rglob("*")}


@pytest.fixture(autouse=True)
def is_installed(request: pytest.FixtureRequest) -> Iterator[None]:
    name = request.getfixturevalue("name") if "name" in request.fixturenames else "SuperTux"
    if not (status := game_status(GAMES[name])).installed:
        pytest.skip(status.note)
    before = shared_scores()
    yield
    assert shared_scores() == before, "a game left something that the next one sees"


def make(name: str) -> LinuxBackend:
    game = GAMES[name]
    return LinuxBackend(game, game.tasks[0], game.width, game.height)


@pytest.mark.parametrize("name", LINUX)
def test_pauses_change_no_pixel(name, tmp_path):
    picture = Path("artifacts/replays") / f"{name}.png"
    report = replay_check(lambda: make(name), name, "", NUM_FRAMES, seed=7, picture=picture)
    assert (report.num_identical, report.first_divergence) == (report.num_frames, -1), f"{report}, see {picture}"
    assert report.num_frames > NUM_FRAMES // 3
    assert report.num_distinct > NUM_FRAMES // 5, "a still picture replays trivially: is this play?"


@pytest.mark.parametrize("name", LINUX)
def test_the_pad_moves_something(name):
    """Two runs from one start that differ in inputs only come to differ in frames."""
    last = []
    for seed in (1, 2):
        backend = make(name)
        try:
            backend.launcher.start(0)
            for _, (buttons, sticks) in zip(range(90), random_inputs(seed), strict=False):
                backend.pad.set(buttons, sticks)
                backend.clock.advance(1)
            last.append(backend.capture.grab())
        finally:
            backend.launcher.stop()
    assert not np.array_equal(*last)


@pytest.mark.parametrize("name", LINUX)
def test_a_thousand_random_actions_hang_and_crash_nothing(name):
    env = GameEnv(name)
    try:
        env.reset(seed=0)
        env.action_space.seed(0)
        num_episodes = 1
        for _ in range(1000):
            _, _, terminated, truncated, info = env.step(env.action_space.sample())
            assert info["facts"]["exit_code"] in (-1, 0), "the game crashed"
            if terminated or truncated:
                env.reset(seed=num_episodes)
                num_episodes += 1
        assert num_episodes < 20
    finally:
        env.close()


@pytest.mark.parametrize(("name", "task"), [pair for pair in SUITES["linux"] if pair[1] != "Scout"])
def test_the_scripted_player_does_what_no_op_does_not(name, task):
    """One of three seeds is enough here; `overplay evaluate --suite linux` gives rates."""
    seeds = (1000, 1001, 1002)
    idle, _ = evaluate(lambda env: NoOpPolicy(), name, task, seeds[:1])
    assert not any(idle.successes)
    played = (evaluate(make_scripted, name, task, (seed,))[0].successes[0] for seed in seeds)
    assert any(played)


@pytest.mark.parametrize("name", [name for name in PLAYERS if name in LINUX])
def test_a_scripted_player_is_recorded_with_its_overlay_and_its_truth(name, tmp_path):
    game = GAMES[name]
    config = RecordConfig(
        name,
        name,
        None,
        3.0,
        game.width,
        game.height,
        fps=60,
        seed=1000,
        skin_id="ps4-flat-01",
        overlay_px=game.width / 3,
        margin_px=4,
        keep_clean=True,
        preset="ultrafast",
        crf=20,
    )
    recording = record(config, tmp_path)
    trace = table_to_trace(pq.read_table(tmp_path / recording.truth))
    assert recording.num_frames == trace.num_frames == 180
    assert trace.active().mean() > 0.5, "it plays"
    shown, clean = (frames(tmp_path / file) for file in (recording.file, recording.clean))
    x, y, width, height = (round(value) for value in recording.box)
    apart = np.abs(shown.astype(int) - clean).max(3)
    assert apart[:, y : y + height, x : x + width].max() > 60
    assert np.median(apart[:, : y - 4]) < 12
    assert len({frame.tobytes() for frame in clean}) > 90


def frames(path: Path) -> np.ndarray:
    with av.open(str(path)) as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)])


@pytest.mark.parametrize("name", ["Neverball"])
def test_a_ball_that_falls_ends_the_attempt_and_is_no_success(name):
    game = GAMES[name]
    task = dataclasses.replace(game.tasks[0], launch={"arguments": ("-l", "map-easy/hole.sol")})
    backend = LinuxBackend(game, task, 160, 90)
    try:
        backend.launcher.start(0)
        assert (backend.launcher.facts()["running"], backend.launcher.facts()["fall"]) == (1, 0)
        backend.pad.set(np.zeros(16, np.int8), np.array([0, -0.6, 0, 0], np.float32))  # straight into the hole
        backend.clock.advance(240)
        facts = backend.launcher.facts()
        assert (facts["running"], facts["fall"], facts["goal"]) == (0, 1, 0)
        assert not task.success(facts)
    finally:
        backend.launcher.stop()


@pytest.mark.parametrize("name", ["ChromiumBSU"])
def test_a_game_that_is_lost_on_the_screen_ends(name):
    env = GameEnv(name, width=320, height=240)
    rest = {"buttons": np.zeros(16, np.int8), "sticks": np.zeros(4, np.float32)}
    try:
        _, info = env.reset(seed=0)
        assert info["facts"]["lost"] == 0
        *_, terminated, _, info = env.step(rest, frames=600)
        assert (terminated, info["success"]) == (False, True)
        for _ in range(90):
            *_, terminated, truncated, info = env.step(rest, frames=10)
            if terminated:
                break
        assert (terminated, truncated, info["success"], info["facts"]["exit_code"]) == (True, False, False, -1)
    finally:
        env.close()


def test_a_level_of_supertux_that_is_left_is_no_success():
    backend = make("SuperTux")
    try:
        backend.launcher.start(0)
        backend.clock.advance(30)
        facts = backend.launcher.facts()
        assert (facts["running"], facts["exit_code"]) == (1, -1)
        assert not GAMES["SuperTux"].tasks[0].success(facts)
    finally:
        backend.launcher.stop()
