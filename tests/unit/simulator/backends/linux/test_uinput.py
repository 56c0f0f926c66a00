"""The pad of the kernel, told to a file and a recorder; and to the kernel itself where it has uinput."""

import os
import struct

import numpy as np
import pytest

from ops.gamepad import BENCHMARK
from simulator.backends.linux.uinput import DEVICE, UinputPad
from simulator.games.spec import InputMap
from simulator.native.build import NativeError

CENTRE = np.zeros(4, np.float32)
MAP = InputMap(
    buttons=tuple((name, name) for name in ("north", "south", "left_trigger", "dpad_up")),
    axes=(("left_y", "y", 1.0), ("right_x", "turn", 1.0)),
)


def pressed(*names):
    buttons = np.zeros(16, np.int8)
    buttons[[BENCHMARK.index(name) for name in names]] = 1
    return buttons


def events(data):
    return [struct.unpack_from("<16xHHi", data, start) for start in range(0, len(data), 24)]


def test_it_says_what_it_is_and_sends_what_changes(tmp_path):
    device, told = tmp_path / "uinput", []
    device.touch()
    pad = UinputPad(MAP, device, lambda file, request, value=0: told.append((request, value)))
    keys = {value for request, value in told if request == 0x40045565}
    axes = {value for request, value in told if request == 0x40045567}
    assert (len(keys), axes) == (10, {0, 1, 2, 3, 4, 5, 16, 17})
    (setup,) = (value for request, value in told if request == 0x405C5503)
    assert struct.unpack_from("<4H", setup) == (3, 0x045E, 0x028E, 0x0114)
    assert b"Microsoft X-Box 360 pad" in setup
    pad.set(pressed("north", "east", "left_trigger", "dpad_up"), np.array([0.7, -1, 0.5, 0], np.float32))
    first = device.stat().st_size
    assert sorted(events(device.read_bytes())[:-1]) == [
        (1, 0x134, 1),
        (3, 1, -32768),
        (3, 2, 255),
        (3, 3, 16384),
        (3, 17, -1),
    ]
    assert events(device.read_bytes())[-1] == (0, 0, 0)
    pad.set(pressed("north", "east", "left_trigger", "dpad_up"), np.array([0.7, -1, 0.5, 0], np.float32))
    assert device.stat().st_size == first
    pad.set(pressed(), CENTRE)
    assert len(events(device.read_bytes()[first:])) == 6
    pad.close()
    pad.close()
    assert told[-1] == (0x5502, 0)


def test_a_kernel_without_it_is_one_line(tmp_path):
    with pytest.raises(NativeError, match=r"cannot be opened .*: no pad of the kernel here; use the input 'pad'"):
        UinputPad(MAP, tmp_path / "none")


def test_the_kernel_shows_the_device():
    try:
        os.close(os.open(DEVICE, os.O_WRONLY | os.O_NONBLOCK))
    except OSError as error:
        pytest.skip(f"{DEVICE}: {error.strerror}")
    pad = UinputPad(MAP)
    assert pad.node is None or "event" in pad.node.name
    pad.set(pressed("south"), CENTRE)
    pad.close()
