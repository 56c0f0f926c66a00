"""What is needed to start a program, and what each episode has of its own."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from simulator.backends.linux import launch
from simulator.native.build import NativeError
from simulator.protocol import GameEndedError
from tests.unit.simulator.toy import descendants


def test_what_cannot_be_started_is_told_in_one_line(make_toy, tmp_path):
    with pytest.raises(NativeError, match="there is no program nowhere; run: apt-get install toy"):
        make_toy(command=("nowhere",)).launcher.start(0)
    with pytest.raises(GameEndedError, match=r"exit code 2 before its first frame(.|\n)*No such file"):
        make_toy(command=(sys.executable, "/nowhere.py")).launcher.start(0)
    game = tmp_path / "game"
    game.write_bytes(Path("/bin/true").read_bytes())
    game.chmod(0o2755)
    with pytest.raises(NativeError, match="is setgid, so the loader preloads nothing"):
        make_toy(command=(str(game),)).launcher.start(0)


def test_every_episode_has_a_home_of_its_own_and_a_kill_leaves_nothing(make_toy):
    """Other games may run on the machine meanwhile: only what is below us and in our folders is looked at."""
    before = descendants(os.getpid())
    toy = make_toy(home={"notes/size": "{width}x{height}", "notes/raw": b"{width}\x80\x3f"})
    toy.launcher.start(0)
    first = toy.session.running.folder
    assert first.exists()
    assert (first / "home/notes/size").read_text() == "160x120"
    assert (first / "home/notes/raw").read_bytes() == b"{width}\x80\x3f"
    toy.launcher.start(1)
    second = toy.session.running.folder
    assert not first.exists()
    toy.launcher.stop()
    toy.launcher.stop()
    assert descendants(os.getpid()) == before
    assert not second.exists()


def test_a_display_that_cannot_be_mapped_is_asked_for_its_picture(make_toy, monkeypatch):
    def refuse(path):
        raise NativeError("expected a display of 32 bits a pixel, got 16")

    mapped = make_toy()
    mapped.launcher.start(0)
    monkeypatch.setattr(launch, "MappedCapture", refuse)
    asked = make_toy()
    asked.launcher.start(0)
    for _ in range(5):
        assert mapped.clock.advance(1) == asked.clock.advance(1) == 1
    np.testing.assert_array_equal(asked.capture.grab(), mapped.capture.grab())
