"""A Windows program under Wine and the clock: it stands still, replays, and the pad reaches it through XInput."""

import os
import re
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ops.gamepad import BENCHMARK
from simulator.backends.linux import LinuxBackend
from simulator.backends.linux.wine import compile_windows, find_windows_compiler, find_wine
from simulator.checks.replay import replay_check
from simulator.games.linux import Hold, LinuxSetup
from simulator.games.spec import GameSpec, InputMap, Task
from simulator.native.build import NativeError

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("OVERPLAY_TEST_GAMES") != "1", reason="plays Windows programs; run: make test-games"
    ),
    pytest.mark.timeout(900),
]
SIZE = (320, 180)
REST, CENTRE = np.zeros(16, np.int8), np.zeros(4, np.float32)
PLAY = InputMap(buttons=(("south", "colour"),), axes=(("left_x", "roll", 1.0), ("left_y", "roll", 1.0)))
ALL = InputMap(buttons=(*PLAY.buttons, ("start", "leave")), axes=PLAY.axes)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        find_wine()
        find_windows_compiler()
    except NativeError as error:
        pytest.skip(str(error))
    out = tmp_path_factory.mktemp("windows") / "ball.exe"
    return compile_windows(out, Path(__file__).parent / "windows/ball.c", "-lgdi32", "-lxinput", "-lwinmm")


@pytest.fixture
def make(program: Path) -> Iterator:
    made: list[LinuxBackend] = []

    def make_one(*arguments: str, input_map: InputMap = PLAY) -> LinuxBackend:
        spec = GameSpec(
            name="Ball",
            title="Ball",
            backend="linux",
            width=SIZE[0],
            height=SIZE[1],
            control_hz=60,
            input_map=input_map,
            licence="Apache-2.0",
            tasks=(Task("Roll", "navigation", "Roll.", 9.0, lambda facts: 0.0, lambda facts: False),),
            setup=LinuxSetup(
                packages=("wine",), command=(str(program), *arguments), windows=True, boot=(Hold(20),), boot_frames=4000
            ),
        )
        made.append(LinuxBackend(spec, spec.tasks[0], *SIZE))
        return made[-1]

    yield make_one
    for backend in made:
        backend.launcher.stop()


def ball(frame: np.ndarray) -> np.ndarray:
    """Return the ball's middle, x and y in pixels."""
    return np.argwhere((frame == 255).all(2)).mean(0)[::-1]


@pytest.mark.parametrize("pace", ["sleep", "wait"])
def test_all_clocks_follow_game_time(make, pace):
    """The performance counter, timeGetTime, the tick count in memory, Sleep in a thread, and waits of the server."""
    game = make(pace)
    game.launcher.start(0)
    game.clock.advance(240)
    lines = game.session.running.game.last_words(30).splitlines()
    shown = [[int(number) for number in re.findall(r"-?\d+", line)] for line in lines if line.startswith("frame")]
    assert len(shown) >= 8
    for before, after in pairwise(shown):
        frame, us, ms, tick, thread, pad = before
        frame2, us2, ms2, tick2, thread2, _ = after
        assert (frame2 - frame, pad) == (30, 1)
        assert 30 * 16_000 <= us2 - us <= 30 * 17_000
        assert abs(ms2 - ms - (us2 - us) / 1000) <= 1
        assert abs(tick2 - tick - (us2 - us) / 1000) <= 16
        assert 4 <= thread2 - thread <= 6


@pytest.mark.parametrize("pace", ["sleep", "wait"])
def test_pauses_change_no_pixel(make, pace, tmp_path):
    report = replay_check(lambda: make(pace), "Ball", "Roll", 300, seed=7, picture=tmp_path / "apart.png")
    assert (report.num_identical, report.first_divergence) == (300, -1)
    assert report.num_distinct > 250


def test_the_pad_shows_at_once_and_moves_the_ball(make):
    """Wine shows what a frame drew when the program next looks at its messages: one frame later."""
    game = make()
    game.launcher.start(0)
    assert game.capture.grab()[0, 0, 2] == 100
    buttons = REST.copy()
    buttons[BENCHMARK.index("south")] = 1
    game.pad.set(buttons, CENTRE)
    game.clock.advance(2)
    assert game.capture.grab()[0, 0, 2] == 200
    before = ball(game.capture.grab())
    game.pad.set(REST, np.array([1, -1, 0, 0], np.float32))
    game.clock.advance(10)
    np.testing.assert_allclose(ball(game.capture.grab()) - before, (30, -30), atol=7)


def test_it_stands_still_and_ends_with_its_exit_code(make):
    game = make(input_map=ALL)
    game.launcher.start(0)
    frame, counters = game.capture.grab(), game.page.counters()
    time.sleep(2)
    np.testing.assert_array_equal(game.capture.grab(), frame)
    assert {**game.page.counters(), "worker_waits": 0} == {**counters, "worker_waits": 0}
    buttons = REST.copy()
    buttons[BENCHMARK.index("start")] = 1
    game.pad.set(buttons, CENTRE)
    game.clock.advance(120)
    assert (game.launcher.facts()["running"], game.launcher.facts()["exit_code"]) == (0, 7)
