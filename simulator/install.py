"""What a game needs on this machine, what of it is missing, and the command that brings it."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from simulator.games.spec import GameSpec
from simulator.native.build import NativeError, build
from simulator.native.programs import check_program, find_program

#: Bits of a file's mode: setuid and setgid.
_SET_ID: Final = 0o6000


@dataclass(frozen=True)
class GameStatus:
    """One game on this machine.

    Attributes:
        name: of the game.
        installed: whether its program is there.
        lockable: whether the clock library can own its time; None where that is not known before it is installed.
        note: what is missing or in the way, with the command that helps; "" where nothing is.
    """

    name: str
    installed: bool
    lockable: bool | None
    note: str


def install_command(packages: Sequence[str]) -> tuple[str, ...]:
    """Return the command that installs Debian packages."""
    return ("apt-get", "install", "-y", "--no-install-recommends", *packages)


def game_status(spec: GameSpec) -> GameStatus:
    """Look at one game; starts nothing."""
    if spec.setup is None:
        return GameStatus(spec.name, True, True, "")
    try:
        program = find_program(spec.setup.command[0])
    except NativeError as error:
        return GameStatus(spec.name, False, None, f"{error}; run: {' '.join(install_command(spec.setup.packages))}")
    if spec.setup.copy_program and program.stat().st_mode & _SET_ID:
        return GameStatus(spec.name, True, True, "")  # a copy has no special rights
    try:
        check_program(program.resolve())
    except NativeError as error:
        return GameStatus(spec.name, True, False, str(error))
    return GameStatus(spec.name, True, True, "")


def machine_notes() -> dict[str, str]:
    """Return part of the machine -> what is wrong with it, "" where nothing is."""
    notes = dict.fromkeys(("clock library", "Xvfb", "Xlib", "XTest", "memory"), "")
    try:
        build()
    except NativeError as error:
        notes["clock library"] = str(error)
    if shutil.which("Xvfb") is None:
        notes["Xvfb"] = f"missing; run: {' '.join(install_command(('xvfb',)))}"
    for name, file, package in (("Xlib", "libX11.so.6", "libx11-6"), ("XTest", "libXtst.so.6", "libxtst6")):
        try:
            ctypes.CDLL(file)
        except OSError:
            notes[name] = f"{file} is missing; run: {' '.join(install_command((package,)))}"
    if not os.access("/dev/shm", os.W_OK):
        notes["memory"] = "/dev/shm cannot be written: homes and frames go through the disk instead"
    return notes


def missing_packages(specs: Sequence[GameSpec]) -> tuple[str, ...]:
    """Return the packages of games that are not installed, and Xvfb where it is missing; in order, each once."""
    wanted = [] if shutil.which("Xvfb") else ["xvfb", "libxtst6"]
    for spec in specs:
        if spec.setup is not None and not game_status(spec).installed:
            wanted += spec.setup.packages
    return tuple(dict.fromkeys(wanted))


def install(packages: Sequence[str]) -> None:
    """Install Debian packages.

    Raises:
        NativeError: not root, no apt-get, or it failed; one line with the command to run.
    """
    command = install_command(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise NativeError(f"installing needs root on a Debian-like system; run: sudo {' '.join(command)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (("apt-get", "update", "-qq"), command):
        done = subprocess.run(step, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
            raise NativeError(f"{' '.join(step)} failed: {last}")
