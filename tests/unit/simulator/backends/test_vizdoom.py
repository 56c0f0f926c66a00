"""The engine of Doom: what it leaves, and rounds within an episode."""

import gc
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from simulator.backends.vizdoom import frame_sizes
from simulator.env import GameEnv
from simulator.games import GAMES
from simulator.scripted import make_scripted

REST = {"buttons": np.zeros(16, np.int8), "sticks": np.zeros(4, np.float32)}


def test_every_game_of_the_engine_has_a_size_that_it_can_render():
    for game in GAMES.values():
        assert game.backend != "vizdoom" or (game.width, game.height) in frame_sizes()
    assert list(frame_sizes()) == sorted(frame_sizes())


def test_close_leaves_nothing_and_allows_another_reset(tmp_path, monkeypatch):
    def children() -> set[str]:
        status = [path.read_text(errors="replace") for path in Path("/proc").glob("[0-9]*/stat")]
        return {line.split()[0] for line in status if line.rsplit(")", 1)[1].split()[1] == str(os.getpid())}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    before = children()
    env = GameEnv("Doom", width=160, height=120)
    env.reset(seed=0)
    assert children() - before
    shared = _shared_memory(tmp_path)
    assert shared
    env.close()
    env.close()
    assert children() == before
    assert not [path for path in shared if path.exists()]
    assert list(tmp_path.iterdir()) == []
    env.reset(seed=0)
    env.close()


def _engines(folder):
    """Return the processes whose command names a folder: other tests may have engines of their own."""
    return [path for path in Path("/proc").glob("[0-9]*") if str(folder).encode() in _command(path)]


def _shared_memory(folder):
    """Return the shared memory of the one engine that names a folder."""
    words = [_command(path).split(b"\0") for path in _engines(folder)]
    (identity,) = {line[line.index(b"+viz_instance_id") + 1].decode() for line in words if b"+viz_instance_id" in line}
    return list(Path("/dev/shm").glob(f"ViZDoom*{identity}"))


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv of util-linux")
@pytest.mark.parametrize("before", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"], ids=["usual", "no-term"])
def test_a_killed_parent_takes_its_engine_along(before: str, tmp_path):
    code = f"""
import signal
import time
{before}
from simulator.env import GameEnv
env = GameEnv("Doom", width=160, height=120)
env.reset(seed=0)
print("ready", flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert parent.stdout.readline() == b"ready\n"
    engines = _engines(tmp_path)
    shared = _shared_memory(tmp_path)
    assert shared
    assert list(tmp_path.iterdir())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while any(str(tmp_path).encode() in _command(path) for path in engines):
        assert time.monotonic() < deadline, "the engine outlived its parent"
        time.sleep(0.05)
    assert not [path for path in shared if path.exists()]
    assert not list(tmp_path.iterdir())


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # it is gone
        return b""


def test_rounds_of_one_episode_count_on_and_follow_from_its_seed():
    def play() -> tuple[list[float], np.ndarray]:
        env = GameEnv("Doom", "Gallery", width=160, height=120)
        try:
            player = make_scripted(env)
            observation, _ = env.reset(seed=3)
            player.reset(3)
            rewards = []
            for _ in range(150):
                observation, reward, terminated, _, info = env.step(player.act(observation).action(0))
                assert not terminated
                rewards.append(reward)
            assert info["facts"]["kills"] == sum(rewards)
            return rewards, observation
        finally:
            env.close()

    (rewards, last), (again, same) = play(), play()
    assert sum(rewards) >= 3
    assert rewards == again
    np.testing.assert_array_equal(last, same)


def test_a_script_that_ends_without_close_leaves_nothing(tmp_path):
    code = """
import sys
from pathlib import Path
from simulator.env import GameEnv
from tests.unit.simulator.backends.test_vizdoom import _shared_memory
env = GameEnv("Doom", width=160, height=120)
env.reset(seed=0)
print(*_shared_memory(Path(sys.argv[1])))
"""
    paths = os.pathsep.join(map(os.path.abspath, sys.path))
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": paths}
    command = [sys.executable, "-c", code, tmp_path]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shared = [Path(name) for name in done.stdout.split()]
    assert shared and not [path for path in shared if path.exists()]
    assert list(tmp_path.iterdir()) == []


def test_a_forked_child_leaves_the_engine_of_its_parent_alone(env):
    env.reset(seed=0)
    folder = env.backend._engine._folder
    if (child := os.fork()) == 0:
        env.backend._engine.abandon()
        os._exit(0)
    os.waitpid(child, 0)
    assert folder.exists()
    env.step(REST)


def test_an_engine_that_nobody_holds_ends():
    env = GameEnv("Doom", width=160, height=120)
    env.reset(seed=0)
    folder = env.backend._engine._folder
    assert folder.exists()
    del env
    gc.collect()
    assert not folder.exists()
