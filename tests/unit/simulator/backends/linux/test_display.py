"""A private X server: its picture, its keyboard, and what it says where it cannot start."""

import numpy as np
import pytest

from simulator.backends.linux import display as display_module
from simulator.backends.linux.display import Display, MappedCapture, ServerCapture
from simulator.backends.linux.x11 import XConnection
from simulator.native.build import NativeError, build


@pytest.fixture
def display(tmp_path):
    made = Display(build().guard, tmp_path, 96, 64, {"PATH": "/usr/bin:/bin"}, remove=tmp_path / "none")
    yield made
    made.stop()
    made.stop()


def test_both_captures_show_the_same(display):
    mapped, asked = MappedCapture(display.picture), ServerCapture(display.name)
    assert mapped.grab().shape == (64, 96, 3)
    np.testing.assert_array_equal(mapped.grab(), asked.grab())
    assert display.server_pid() > 0
    for capture in (mapped, mapped, asked, asked):
        capture.close()


def test_keys_have_names(display):
    connection = XConnection(display.name)
    assert connection.size() == (96, 64)
    assert connection.keycode("space") != connection.keycode("Left")
    with pytest.raises(ValueError, match="no key 'Fire'; expected an X name"):
        connection.keycode("Fire")
    connection.close()
    connection.close()


def test_what_is_not_there_is_one_line(tmp_path, monkeypatch):
    guard = build().guard
    with pytest.raises(NativeError, match="display :9999 cannot be reached"):
        XConnection(":9999")
    with pytest.raises(NativeError, match="Xvfb did not start: "):
        Display(guard, tmp_path, 0, 0, {"PATH": "/usr/bin:/bin"}, remove=tmp_path / "none")
    monkeypatch.setattr(display_module.shutil, "which", lambda name: None)
    with pytest.raises(NativeError, match="Xvfb is missing; run: apt-get install xvfb"):
        Display(guard, tmp_path, 96, 64, {}, remove=tmp_path / "none")
