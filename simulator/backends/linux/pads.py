"""Two ways of bringing the pad to a game: the clock library's evdev pad, and keys of the X server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from ops.gamepad import AXES, BENCHMARK
from simulator.backends.linux.x11 import XConnection
from simulator.games.spec import InputMap
from simulator.native.page import PAD_BUTTONS, ClockPage

#: In the order of the page's `pad_triggers`.
_TRIGGERS: Final = ("left_trigger", "right_trigger")

#: Ranges of the page's `pad_axes` and `pad_triggers`.
_STICK_LEAST: Final = -32768
_STICK_MOST: Final = 32767
_TRIGGER_MOST: Final = 255


def what_passes(input_map: InputMap) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Return factors of the buttons (16,) and the axes (4,) that let through what the map names."""
    names = {button for button, _ in input_map.buttons}
    scales = {axis: scale for axis, _, scale in input_map.axes}
    buttons = np.array([name in names for name in BENCHMARK.buttons], np.int8)
    return buttons, np.array([scales.get(axis, 0.0) for axis in AXES], np.float32)


class EvdevPad:
    """Sets the pad of the shared page; the library tells the game at the next step.

    Args:
        page: of the running game.
        input_map: the controls that reach the game, names for people, and shares of full deflection.
    """

    def __init__(self, page: ClockPage, input_map: InputMap) -> None:
        self._page = page
        self._passes, self._scales = what_passes(input_map)

    def set(self, buttons: npt.NDArray[np.int8], sticks: npt.NDArray[np.float32]) -> None:
        """Hold buttons (16,) in the `BENCHMARK` layout and sticks (4,) in [-1, 1], as far as the map names them."""
        self.set_all(buttons * self._passes, sticks * self._scales)

    def set_all(self, buttons: npt.NDArray[np.int8], sticks: npt.NDArray[np.float32]) -> None:
        """Hold a state of every control, also of those that the map leaves out: menus before play need them."""
        fields, bits = self._page.fields, 0
        for channel, name in enumerate(BENCHMARK.buttons):
            if name in _TRIGGERS:
                fields.pad_triggers[_TRIGGERS.index(name)] = _TRIGGER_MOST * int(buttons[channel])
            else:
                bits |= int(buttons[channel]) << PAD_BUTTONS.index(name)
        fields.pad_buttons = bits
        for axis, value in enumerate(sticks):
            fields.pad_axes[axis] = max(_STICK_LEAST, min(_STICK_MOST, round(float(value) * -_STICK_LEAST)))


class Keys:
    """Holds keys of an X server; only changes are sent.

    Args:
        connection: to the game's display.
    """

    def __init__(self, connection: XConnection) -> None:
        self._connection = connection
        self._held: tuple[int, ...] = ()
        connection.forbid_repeat()

    def hold(self, names: Sequence[str]) -> None:
        """Hold these keys, by X name, and no others."""
        codes = tuple(sorted({self._connection.keycode(name) for name in names}))
        changes = [(code, False) for code in self._held if code not in codes]
        changes += [(code, True) for code in codes if code not in self._held]
        if changes:
            self._connection.press(changes)
        self._held = codes


class KeyPad:
    """A pad for games that know none: the input map says which key each control is.

    Args:
        keys: of the game's display.
        input_map: pad button -> key; pad axis -> `Low|High` keys, pressed beyond the third value.
    """

    def __init__(self, keys: Keys, input_map: InputMap) -> None:
        self._keys, self._map = keys, input_map

    def set(self, buttons: npt.NDArray[np.int8], sticks: npt.NDArray[np.float32]) -> None:
        """Hold buttons (16,) in the `BENCHMARK` layout and sticks (4,) in [-1, 1], y down."""
        names = [key for button, key in self._map.buttons if buttons[BENCHMARK.index(button)]]
        for axis, pair, threshold in self._map.axes:
            low, _, high = pair.partition("|")
            value = float(sticks[AXES.index(axis)])
            if abs(value) >= threshold:
                names.append(high if value > 0 else low)
        self._keys.hold(names)
