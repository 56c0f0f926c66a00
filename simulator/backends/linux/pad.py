"""The pad of a Linux game, and the keys that menus need."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ops.gamepad import AXES, BENCHMARK
from simulator.backends.linux.pads import EvdevPad, Keys
from simulator.backends.linux.session import Session
from simulator.backends.linux.uinput import UinputPad
from simulator.games.linux import Hold


class LinuxPad:
    """Holds the pad of a session's game.

    Args:
        session: shared with the other parts.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def set(self, buttons: npt.NDArray[np.int8], sticks: npt.NDArray[np.float32]) -> None:
        """Hold buttons (16,) in the `BENCHMARK` layout and sticks (4,) in [-1, 1]; the game sees it in the next frame.

        Nothing happens where no program runs.
        """
        running = self._session.running
        if running is not None and running.pad is not None and self._session.exit_code is None:
            running.pad.set(buttons, sticks)

    def hold(self, hold: Hold) -> None:
        """Hold a part of a boot script, which may use controls that the input map leaves out."""
        running = self._session.expect()
        buttons, sticks = np.zeros(BENCHMARK.num_buttons, np.int8), np.zeros(len(AXES), np.float32)
        buttons[[BENCHMARK.index(name) for name in hold.buttons]] = 1
        for axis, value in hold.axes:
            sticks[AXES.index(axis)] = value
        if isinstance(running.pad, EvdevPad | UinputPad):
            running.pad.set_all(buttons, sticks)
        if running.keys is not None or hold.keys:
            self.hold_keys(*hold.keys)

    def hold_keys(self, *names: str) -> None:
        """Hold keys by X name beside the pad, as menus of some games need.

        Raises:
            GameEndedError: no program runs.
        """
        running = self._session.expect()
        if running.keys is None and running.connection is not None:
            running.keys = Keys(running.connection)
        if running.keys is not None:
            running.keys.hold(names)
