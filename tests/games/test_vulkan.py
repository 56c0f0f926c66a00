"""A Vulkan program on Mesa's software driver under the clock: a frame a step, and replays that are equal."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from simulator.backends.linux import LinuxBackend
from simulator.checks.replay import replay_check
from simulator.games.linux import Hold, LinuxSetup
from simulator.games.spec import GameSpec, InputMap, Task

pytestmark = [
    pytest.mark.skipif(os.environ.get("OVERPLAY_TEST_GAMES") != "1", reason="needs Vulkan; run: make test-games"),
    pytest.mark.timeout(300),
]
SIZE = (160, 120)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or pytest.skip("no C compiler")
    if not Path("/usr/include/vulkan/vulkan.h").exists() or not list(Path("/usr/share/vulkan/icd.d").glob("lvp*")):
        pytest.skip("no Vulkan; run: apt-get install libvulkan-dev libx11-dev mesa-vulkan-drivers")
    out = tmp_path_factory.mktemp("vulkan") / "window"
    source = Path(__file__).parent / "vulkan/window.c"
    subprocess.run([compiler, "-O1", "-Wall", "-Wextra", "-Werror", source, "-o", out, "-lvulkan", "-lX11"], check=True)
    return out


def make(program: Path) -> LinuxBackend:
    spec = GameSpec(
        name="Window",
        title="Window",
        backend="linux",
        width=SIZE[0],
        height=SIZE[1],
        control_hz=60,
        input_map=InputMap(),
        licence="Apache-2.0",
        tasks=(Task("Look", "navigation", "Look.", 9.0, lambda facts: 0.0, lambda facts: False),),
        setup=LinuxSetup(packages=("mesa-vulkan-drivers",), command=(str(program),), settle=True, boot=(Hold(20),)),
    )
    return LinuxBackend(spec, spec.tasks[0], *SIZE)


def test_a_step_is_a_frame_and_its_clock_moves_by_one_refresh(program):
    window = make(program)
    try:
        window.launcher.start(0)
        colours, presents = [], []
        for _ in range(30):
            window.clock.advance(1)
            colours.append(window.capture.grab()[60, 80].astype(int))
            presents.append(window.page.fields.presents)
        assert set(np.diff(presents)) == {1}
        frames, ms = (np.diff([colour[channel] for colour in colours]) % 256 for channel in (0, 1))
        assert set(frames) == {1}
        assert set(ms) <= {16, 17}
    finally:
        window.launcher.stop()


def test_pauses_change_no_pixel(program, tmp_path):
    report = replay_check(lambda: make(program), "Window", "Look", 200, seed=7, picture=tmp_path / "apart.png")
    assert (report.num_identical, report.num_distinct) == (200, 200)
