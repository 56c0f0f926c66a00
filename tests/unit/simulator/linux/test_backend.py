"""A real window under the clock: what the seam promises, and that nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from ops.gamepad import BENCHMARK
from simulator.backends.linux import backend as backend_module
from simulator.backends.linux.display import ServerCapture
from simulator.checks.replay import replay_check
from simulator.checks.soak import living
from simulator.games.linux import Hold
from simulator.games.spec import InputMap
from simulator.native.build import NativeError
from simulator.protocol import GameEndedError
from tests.unit.simulator.linux.conftest import SIZE, TOY

REST = np.zeros(16, np.int8)
#: Controls that end nothing.
PLAY = InputMap(buttons=(("south", "south"),), axes=(("left_x", "x", 1.0), ("left_y", "y", 1.0)))
CENTRE = np.zeros(4, np.float32)


def pressed(*names):
    buttons = REST.copy()
    buttons[[BENCHMARK.index(name) for name in names]] = 1
    return buttons


def descendants(ancestor: int) -> set[int]:
    """Return the living processes below one; the tests' own process has others than games, left by other tests."""
    found, parents = set(), living()
    for pid in parents:
        above = pid
        while above in parents and above != ancestor:
            above = parents[above]
        if above == ancestor and pid != above:
            found.add(pid)
    return found


def test_input_shows_in_the_very_next_frame(make_toy):
    toy = make_toy()
    toy.start(0)
    before = toy.grab()
    assert before.shape == (SIZE[1], SIZE[0], 3)
    assert before[60, 5, 1] < 100
    toy.set(pressed("south"), CENTRE)
    assert toy.advance(1) == 1
    assert tuple(toy.grab()[118, 5]) == (0, 200, 0)
    assert toy.facts()["running"] == 1
    assert toy.page.fields.pad_opens > 0


def test_a_game_of_one_size_is_scaled(make_toy):
    whole, small = make_toy(input_map=PLAY), make_toy(input_map=PLAY, screen=SIZE, size=(64, 64))
    for toy in (whole, small):
        toy.start(0)
        toy.advance(5)
    expected = cv2.resize(whole.grab(), (64, 64), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(small.grab(), expected)


def test_a_frame_is_a_step_and_time_is_exact(make_toy):
    toy = make_toy()
    toy.start(0)
    corners = []
    for _ in range(30):
        toy.advance(1)
        corners.append(toy.grab()[1, 1].astype(int))
    frames = np.diff([corner[2] for corner in corners]) % 256
    assert set(frames) <= {0, 1, 2}  # the program paces itself in whole milliseconds: 59 or 62.5 frames a second
    assert 28 <= frames.sum() <= 31
    passed_ms = (np.diff([corner[0] for corner in corners]) % 256).sum()
    assert abs(passed_ms - 29 * 1000 / 60) <= 17


def test_replays_are_equal_with_pauses_and_differ_by_seed(make_toy, tmp_path):
    report = replay_check(lambda: make_toy(input_map=PLAY), "Toy", "Roll", 90, seed=5, picture=tmp_path / "apart.png")
    assert (report.num_identical, report.num_frames, report.first_divergence) == (90, 90, -1)
    assert report.num_distinct > 80
    assert not (tmp_path / "apart.png").exists()
    one, two = make_toy(), make_toy()
    one.start(1)
    two.start(2)
    assert not np.array_equal(one.grab(), two.grab())


def test_a_game_that_differs_is_found_and_the_report_says_where(make_toy, tmp_path):
    calls = iter(range(9))
    report = replay_check(
        lambda: make_toy(input_map=PLAY, command=(sys.executable, str(TOY), "{width}", str(120 - next(calls)))),
        "Toy", "Roll", 10, pauses=False, picture=tmp_path / "apart.png",
    )  # fmt: skip
    assert report.first_divergence == 0
    assert report.num_identical < 10
    assert (tmp_path / "apart.png").stat().st_size > 100


def test_a_frozen_game_changes_nothing_and_costs_nothing(make_toy):
    toy = make_toy()
    toy.start(0)
    frame, counters = toy.grab(), toy.page.counters()
    time.sleep(1)
    np.testing.assert_array_equal(toy.grab(), frame)
    assert {**toy.page.counters(), "worker_waits": 0} == {**counters, "worker_waits": 0}


def test_the_ways_to_end(make_toy):
    for button, code in (("start", 0), ("back", 3), ("north", 128 + signal.SIGABRT)):
        toy = make_toy()
        toy.start(0)
        toy.advance(3)
        toy.grab()
        toy.set(pressed(button), CENTRE)
        assert toy.advance(5) < 5
        assert (toy.facts()["running"], toy.facts()["exit_code"]) == (0, code)
        assert toy.grab().std() > 0  # the last picture
        assert toy.advance(1) == 0


@pytest.mark.parametrize(
    ("button", "message"),
    [("west", r"did nothing for 5 s of game time(.|\n)*about to hang"), ("east", r"did not use its time within 1 s")],
)
def test_a_game_that_hangs_is_an_error_with_its_last_words(make_toy, monkeypatch, button, message):
    toy = make_toy()
    toy.start(0)
    if button == "east":
        monkeypatch.setattr(backend_module, "STEP_TIMEOUT_S", 1.0)
    toy.set(pressed(button), CENTRE)
    with pytest.raises(GameEndedError, match=message):
        toy.advance(400)


def test_what_cannot_be_started_is_told_in_one_line(make_toy, tmp_path):
    with pytest.raises(NativeError, match="there is no program nowhere; run: apt-get install toy"):
        make_toy(command=("nowhere",)).start(0)
    with pytest.raises(GameEndedError, match=r"exit code 2 before its first frame(.|\n)*No such file"):
        make_toy(command=(sys.executable, "/nowhere.py")).start(0)
    game = tmp_path / "game"
    game.write_bytes(Path("/bin/true").read_bytes())
    game.chmod(0o2755)
    with pytest.raises(NativeError, match="is setgid, so the loader preloads nothing"):
        make_toy(command=(str(game),)).start(0)


def test_every_episode_has_a_home_of_its_own_and_a_kill_leaves_nothing(make_toy):
    """Other games may run on the machine meanwhile: only what is below us and in our folders is looked at."""
    before = descendants(os.getpid())
    toy = make_toy(home={"notes/size": "{width}x{height}", "notes/raw": b"{width}\x80\x3f"})
    toy.start(0)
    first = toy._running.folder
    assert first.exists()
    assert (first / "home/notes/size").read_text() == "160x120"
    assert (first / "home/notes/raw").read_bytes() == b"{width}\x80\x3f"
    toy.start(1)
    second = toy._running.folder
    assert not first.exists()
    toy.stop()
    toy.stop()
    assert descendants(os.getpid()) == before
    assert not second.exists()


def test_kill_9_of_the_parent_leaves_nothing(tmp_path):
    script = (
        "import time\nfrom tests.unit.simulator.linux.conftest import *\nspec = toy_spec()\n"
        "b = LinuxBackend(spec, spec.tasks[0], 160, 120)\nb.start(0)\n"
        "print(b._running.display.name, b._running.folder, flush=True)\n"
        "time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    name, folder = parent.stdout.readline().split()
    below = descendants(parent.pid)
    assert len(below) >= 4  # two guards, the server, the game
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 15
    left = [Path(folder), Path(f"/tmp/.X11-unix/X{name[1:]}"), Path(f"/tmp/.X{name[1:]}-lock")]
    while time.monotonic() < deadline and (below & living().keys() or any(path.exists() for path in left)):
        time.sleep(0.05)
    assert not below & living().keys()
    assert not [path for path in left if path.exists()]


def test_in_real_time_a_boot_script_waits_for_a_slow_game(make_toy):
    command = (sys.executable, str(TOY), "{width}", "{height}", "20")
    toy = make_toy(mode="off", command=command, boot=(Hold(30),))
    toy.start(0)
    assert 30 <= toy.facts()["presents"] < 40


def test_keys_reach_a_game_that_knows_no_pad_and_the_server_gives_the_same_picture(make_toy):
    keys = InputMap(buttons=(("south", "space"),), axes=(("left_x", "Left|Right", 0.5),))
    toy = make_toy(input="keys", input_map=keys)
    toy.start(0)
    counts = []
    for buttons, x in ((REST, 0.0), (pressed("south"), 0.0), (pressed("south"), -0.9), (REST, 0.9), (REST, 0.9)):
        toy.set(buttons, np.array([x, 0, 0, 0], np.float32))
        toy.advance(3)
        counts.append(int(toy.grab()[1, 1, 1]))
    assert counts == [0, 1, 2, 3, 3]
    other = ServerCapture(toy._running.display.name)
    np.testing.assert_array_equal(other.grab(), toy.grab())
    other.close()


def test_a_display_that_cannot_be_mapped_is_asked_for_its_picture(make_toy, monkeypatch):
    def refuse(path):
        raise NativeError("expected a display of 32 bits a pixel, got 16")

    mapped = make_toy()
    mapped.start(0)
    monkeypatch.setattr(backend_module, "MappedCapture", refuse)
    asked = make_toy()
    asked.start(0)
    for _ in range(5):
        assert mapped.advance(1) == asked.advance(1) == 1
    np.testing.assert_array_equal(asked.grab(), mapped.grab())


@pytest.mark.parametrize("mode", ["clamped", "off"])
def test_the_other_modes_run_and_stop(make_toy, mode):
    toy = make_toy(mode=mode, speed=2.0)
    toy.start(0)
    began = toy.facts()["presents"]
    assert toy.advance(30) == 30
    for names, is_green in ((["south"], True), ([], False)):
        toy.set(pressed(*names), CENTRE)
        for _ in range(600):  # real time: a busy machine may take some
            toy.advance(1)
            if (toy.grab()[118, 5, 1] > 150) == is_green:
                break
        assert (toy.grab()[118, 5, 1] > 150) == is_green, "the pad does not reach it"
    assert toy.facts()["presents"] > began
