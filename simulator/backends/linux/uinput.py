"""The pad as a device of the kernel, for programs that do not see the clock library's pad.

It needs a writable /dev/uinput, which containers seldom have. Every program of the machine sees the device. Its events
come when the controller sends them: nothing here waits for a frame. Numbers are those of linux/uinput.h and
linux/input-event-codes.h.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ops.gamepad import BENCHMARK
from simulator.backends.linux.pads import what_passes
from simulator.games.spec import InputMap
from simulator.native.build import NativeError

DEVICE: Final = Path("/dev/uinput")
#: Requests.
_SET_EVBIT: Final = 0x40045564
_SET_KEYBIT: Final = 0x40045565
_SET_ABSBIT: Final = 0x40045567
_DEV_SETUP: Final = 0x405C5503
_ABS_SETUP: Final = 0x401C5504
_DEV_CREATE: Final = 0x5501
_DEV_DESTROY: Final = 0x5502
_GET_SYSNAME: Final = 0x8040552C
#: Bytes of the answer to _GET_SYSNAME.
_NAME_BYTES: Final = 64
#: Kinds of events.
_EV_SYN: Final = 0
_EV_KEY: Final = 1
_EV_ABS: Final = 3
#: Ranges of sticks and triggers.
_STICK_LEAST: Final = -32768
_STICK_MOST: Final = 32767
_TRIGGER_MOST: Final = 255
#: The driver of the real pad calls the western button BTN_NORTH (0x133) and the northern one BTN_WEST (0x134).
_KEYS: Final = {
    "south": 0x130, "east": 0x131, "west": 0x133, "north": 0x134, "left_shoulder": 0x136, "right_shoulder": 0x137,
    "back": 0x13A, "start": 0x13B, "left_thumb": 0x13D, "right_thumb": 0x13E,
}  # fmt: skip
#: Axis -> code, smallest, largest: sticks, triggers, dpad.
_AXES: Final = {
    "left_x": (0, _STICK_LEAST, _STICK_MOST),
    "left_y": (1, _STICK_LEAST, _STICK_MOST),
    "right_x": (3, _STICK_LEAST, _STICK_MOST),
    "right_y": (4, _STICK_LEAST, _STICK_MOST),
    "left_trigger": (2, 0, _TRIGGER_MOST),
    "right_trigger": (5, 0, _TRIGGER_MOST),
    "dpad_x": (16, -1, 1),
    "dpad_y": (17, -1, 1),
}
#: Bus (USB), vendor, product and version of the real pad, and its name.
_IDENTITY: Final = (3, 0x045E, 0x028E, 0x0114)
_NAME: Final = b"Microsoft X-Box 360 pad"
#: struct input_event: seconds, microseconds, kind, code, value.
_EVENT: Final = struct.Struct("<qqHHi")


class UinputPad:
    """An Xbox 360 pad of the kernel; sends what changes.

    Args:
        input_map: the controls that reach the game, names for people, and shares of full deflection.
        device: of uinput.
        control: does what `fcntl.ioctl` does.

    Attributes:
        node: the device that games open, such as /dev/input/event7; None where the kernel does not tell.

    Raises:
        NativeError: the kernel has no uinput, or it may not be used; one line.
    """

    def __init__(self, input_map: InputMap, device: Path = DEVICE, control: Callable[..., Any] = fcntl.ioctl) -> None:
        self._file, self._control = -1, control
        self._passes, self._scales = what_passes(input_map)
        try:
            self._file = os.open(device, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise NativeError(
                f"{device} cannot be opened ({error.strerror}): no pad of the kernel here; "
                "use the input 'pad', which needs none"
            ) from error
        for kind in (_EV_KEY, _EV_ABS):
            control(self._file, _SET_EVBIT, kind)
        for code in _KEYS.values():
            control(self._file, _SET_KEYBIT, code)
        for code, low, high in _AXES.values():
            control(self._file, _SET_ABSBIT, code)
            control(self._file, _ABS_SETUP, struct.pack("<H2x6i", code, 0, low, high, 0, 0, 0))
        control(self._file, _DEV_SETUP, struct.pack("<4H80sI", *_IDENTITY, _NAME, 0))
        control(self._file, _DEV_CREATE)
        self.node = self._find_node()
        self._told: dict[tuple[int, int], int] = {}

    def set(self, buttons: npt.NDArray[np.int8], sticks: npt.NDArray[np.float32]) -> None:
        """Hold buttons (16,) in the `BENCHMARK` layout and sticks (4,) in [-1, 1], as far as the map names them."""
        self.set_all(buttons * self._passes, sticks * self._scales)

    def set_all(self, buttons: npt.NDArray[np.int8], sticks: npt.NDArray[np.float32]) -> None:
        """Hold a state of every control, also of those that the map leaves out: menus before play need them."""
        held = dict(zip(BENCHMARK.buttons, (int(value) for value in buttons), strict=True))
        wanted = {(_EV_KEY, code): held[name] for name, code in _KEYS.items()}
        values = [max(_STICK_LEAST, min(_STICK_MOST, round(float(value) * -_STICK_LEAST))) for value in sticks]
        values += [_TRIGGER_MOST * held["left_trigger"], _TRIGGER_MOST * held["right_trigger"]]
        values += [held["dpad_right"] - held["dpad_left"], held["dpad_down"] - held["dpad_up"]]
        wanted |= {(_EV_ABS, code): value for (code, _, _), value in zip(_AXES.values(), values, strict=True)}
        changes = [(*key, value) for key, value in wanted.items() if self._told.get(key, 0) != value]
        if changes:
            os.write(self._file, b"".join(_EVENT.pack(0, 0, *change) for change in (*changes, (_EV_SYN, 0, 0))))
        self._told = wanted

    def close(self) -> None:
        """Take the device away. May be called twice."""
        if self._file >= 0:
            self._control(self._file, _DEV_DESTROY)
            os.close(self._file)
            self._file = -1

    def _find_node(self) -> Path | None:
        name = bytearray(_NAME_BYTES)
        self._control(self._file, _GET_SYSNAME, name)
        folder = Path("/sys/devices/virtual/input") / bytes(name).split(b"\0")[0].decode()
        return next((Path("/dev/input") / path.name for path in folder.glob("event*")), None)
