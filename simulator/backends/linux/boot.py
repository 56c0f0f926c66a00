"""Bringing a program that was just started to the start state of a task."""

from __future__ import annotations

from typing import Final

from simulator.backends.linux.clock import LinuxClock, not_loaded
from simulator.backends.linux.pad import LinuxPad
from simulator.backends.linux.session import Session
from simulator.games.linux import Hold

#: Real time: how many times its length a part of a boot script may last until the game has shown as many frames.
_PATIENCE: Final = 4
_REST: Final = Hold(0)


def boot(session: Session, clock: LinuxClock, pad: LinuxPad) -> None:
    """Wait for the first frame, play the boot scripts of setup and task, then let go of everything.

    Raises:
        GameEndedError: the program ended before its start state; says its last words.
        NativeError: the clock library is not in it.
    """
    setup, task = session.order.setup, session.order.task
    _wait_for_a_frame(session, clock, setup.boot_frames)
    session.expect_alive("before its first frame")
    if not session.page.fields.num_processes:
        raise not_loaded(setup.command[0])
    for hold in (*setup.boot, *task.launch.get("boot", ())):
        _play(session, clock, pad, hold)
        session.expect_alive("while it was brought to its start state")
    pad.hold(_REST)


def _wait_for_a_frame(session: Session, clock: LinuxClock, max_frames: int) -> None:
    for _ in range(max_frames):
        if session.page.fields.presents or not clock.step():
            return


def _play(session: Session, clock: LinuxClock, pad: LinuxPad, hold: Hold) -> None:
    pad.hold(hold)
    presents = session.page.fields.presents
    clock.advance(hold.frames)
    if session.order.mode == "off":
        _catch_up(session, clock, presents + hold.frames, _PATIENCE * hold.frames)


def _catch_up(session: Session, clock: LinuxClock, presents: int, max_frames: int) -> None:
    """Give a game that loads slower than real time the frames that a boot script counts on."""
    for _ in range(max_frames):
        if session.page.fields.presents >= presents or not clock.advance(1):
            return
