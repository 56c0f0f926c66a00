"""Replays of the toy are compared frame by frame."""

import sys

import numpy as np

from simulator.checks.replay import replay_check
from tests.unit.simulator.toy import PLAY, TOY, needs_a_compiler_and_a_display  # noqa: F401


def test_replays_are_equal_with_pauses_and_differ_by_seed(make_toy, tmp_path):
    report = replay_check(lambda: make_toy(input_map=PLAY), "Toy", "Roll", 90, seed=5, picture=tmp_path / "apart.png")
    assert (report.num_identical, report.num_frames, report.first_divergence) == (90, 90, -1)
    assert report.num_distinct > 80
    assert not (tmp_path / "apart.png").exists()
    one, two = make_toy(), make_toy()
    one.launcher.start(1)
    two.launcher.start(2)
    assert not np.array_equal(one.capture.grab(), two.capture.grab())


def test_a_game_that_differs_is_found_and_the_report_says_where(make_toy, tmp_path):
    calls = iter(range(9))
    report = replay_check(
        lambda: make_toy(input_map=PLAY, command=(sys.executable, str(TOY), "{width}", str(120 - next(calls)))),
        "Toy",
        "Roll",
        10,
        pauses=False,
        picture=tmp_path / "apart.png",
    )
    assert report.first_divergence == 0
    assert report.num_identical < 10
    assert (tmp_path / "apart.png").stat().st_size > 100
