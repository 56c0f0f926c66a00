"""A program that nothing can be preloaded into: the tracer owns its time instead."""

import platform
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from simulator.checks.replay import replay_check
from simulator.games.spec import InputMap
from simulator.native.programs import is_static
from tests.unit.simulator.toy import CENTRE, REST, SIZE, pressed

KEYS = InputMap(buttons=(("south", "space"), ("start", "Escape")), axes=())
pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="static programs are held on x86_64 only")


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> str:
    out = tmp_path_factory.mktemp("static") / "window"
    source = Path(__file__).with_name("static_window.c")
    command = [shutil.which("cc") or "cc", "-static", "-O1", "-Wall", "-Wextra", source, "-o", out]
    done = subprocess.run([*command, "-lxcb", "-lXau", "-lXdmcp"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no static libxcb; run: apt-get install libxcb1-dev")
    assert is_static(out)
    return str(out)


def start(make_toy, program):
    window = make_toy(command=(program,), input="keys", input_map=KEYS, boot_frames=30)
    window.launcher.start(0)
    return window


def test_its_clock_moves_by_its_own_sleeps_and_keys_reach_it(make_toy, program):
    window = start(make_toy, program)
    seen = []
    for _ in range(40):
        window.clock.advance(1)
        seen.append(window.capture.grab()[60, 80].astype(int))
    frames, ms, _ = (np.diff([colour[channel] for colour in seen]) % 256 for channel in range(3))
    assert 40 <= frames.sum() <= 41  # 62.5 a second
    np.testing.assert_array_equal(ms, 16 * frames)
    window.pad.set(pressed("south"), CENTRE)
    window.clock.advance(2)
    assert window.capture.grab()[60, 80][2] == 1
    window.pad.set(pressed("start"), CENTRE)
    assert window.clock.advance(5) < 5
    assert window.launcher.facts()["exit_code"] == 7


def test_it_stands_still_and_replays(make_toy, program):
    window = start(make_toy, program)
    frame, counters = window.capture.grab(), window.page.counters()
    time.sleep(0.5)
    np.testing.assert_array_equal(window.capture.grab(), frame)
    assert window.page.counters() == counters
    window.pad.set(REST, CENTRE)
    plain = InputMap(buttons=KEYS.buttons[:1], axes=())
    report = replay_check(
        lambda: make_toy(command=(program,), input="keys", input_map=plain, boot_frames=30), "Window", "", 90, seed=5
    )
    assert (report.num_identical, report.num_frames, frame.shape) == (90, 90, (SIZE[1], SIZE[0], 3))
    assert report.num_distinct > 80
