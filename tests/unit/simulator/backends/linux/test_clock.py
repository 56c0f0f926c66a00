"""A real window under the clock: a step is a frame, and between two nothing moves."""

import time

import numpy as np
import pytest

from simulator.backends.linux import clock
from simulator.protocol import GameEndedError
from tests.unit.simulator.toy import CENTRE, pressed


def test_a_frame_is_a_step_and_time_is_exact(make_toy):
    toy = make_toy()
    toy.launcher.start(0)
    corners = []
    for _ in range(30):
        toy.clock.advance(1)
        corners.append(toy.capture.grab()[1, 1].astype(int))
    frames = np.diff([corner[2] for corner in corners]) % 256
    assert set(frames) <= {0, 1, 2}  # the program paces itself in whole milliseconds: 59 or 62.5 frames a second
    assert 28 <= frames.sum() <= 31
    passed_ms = (np.diff([corner[0] for corner in corners]) % 256).sum()
    assert abs(passed_ms - 29 * 1000 / 60) <= 17


def test_a_frozen_game_changes_nothing_and_costs_nothing(make_toy):
    toy = make_toy()
    toy.launcher.start(0)
    frame, counters = toy.capture.grab(), toy.page.counters()
    time.sleep(1)
    np.testing.assert_array_equal(toy.capture.grab(), frame)
    assert {**toy.page.counters(), "worker_waits": 0} == {**counters, "worker_waits": 0}


@pytest.mark.parametrize(
    ("button", "message"),
    [("west", r"did nothing for 5 s of game time(.|\n)*about to hang"), ("east", r"did not use its time within 1 s")],
)
def test_a_game_that_hangs_is_an_error_with_its_last_words(make_toy, monkeypatch, button, message):
    toy = make_toy()
    toy.launcher.start(0)
    if button == "east":
        monkeypatch.setattr(clock, "STEP_TIMEOUT_S", 1.0)
    toy.pad.set(pressed(button), CENTRE)
    with pytest.raises(GameEndedError, match=message):
        toy.clock.advance(400)


@pytest.mark.parametrize("mode", ["clamped", "off"])
def test_the_other_modes_run_and_stop(make_toy, mode):
    toy = make_toy(mode=mode, speed=2.0)
    toy.launcher.start(0)
    began = toy.launcher.facts()["presents"]
    assert toy.clock.advance(30) == 30
    for names, is_green in ((["south"], True), ([], False)):
        toy.pad.set(pressed(*names), CENTRE)
        for _ in range(600):  # real time: a busy machine may take some
            toy.clock.advance(1)
            if (toy.capture.grab()[118, 5, 1] > 150) == is_green:
                break
        assert (toy.capture.grab()[118, 5, 1] > 150) == is_green, "the pad does not reach it"
    assert toy.launcher.facts()["presents"] > began
