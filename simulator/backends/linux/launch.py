"""Starting a Linux program: a private home, a display, the clock library, and a guard around it all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from simulator.backends.linux import wine
from simulator.backends.linux.display import Display, MappedCapture, ServerCapture
from simulator.backends.linux.guarded import GuardedProcess
from simulator.backends.linux.pads import EvdevPad, KeyPad, Keys
from simulator.backends.linux.session import Order, Running
from simulator.backends.linux.uinput import UinputPad
from simulator.backends.linux.x11 import XConnection
from simulator.native.build import Native, NativeError, build
from simulator.native.page import ClockPage
from simulator.native.programs import check_program, find_program, is_static

#: Score files of all users; `simulator/native/files.c` moves them into the home.
_SHARED: Final = Path("/var/games")
#: A game gets no time to end politely: nothing that it would save is kept.
_GAME_GRACE_MS: Final = 0
#: The first second of 2020, in seconds since 1970: the earliest start of a game's calendar.
_EPOCH_S: Final = 1_577_836_800
#: How much later a seed may start it: five years, in seconds.
_EPOCH_SPAN_S: Final = 5 * 365 * 86_400
#: Refreshes per second of the display, where the control rate does not ask for others.
_REFRESH_HZ: Final = 60
#: No sound, software rendering on one core, equal hashes, one language.
_ENVIRONMENT: Final = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "SDL_AUDIODRIVER": "dummy",
    "ALSOFT_DRIVERS": "null",
    "LIBGL_ALWAYS_SOFTWARE": "1",
    "LP_NUM_THREADS": "1",
    "MESA_SHADER_CACHE_DISABLE": "true",
    "OMP_NUM_THREADS": "1",
    "PERL_HASH_SEED": "0",
    "PYTHONHASHSEED": "0",
    "SDL_VIDEODRIVER": "x11",
    "vblank_mode": "0",
}
#: Variable -> its folder in the home.
_FOLDERS: Final = {
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_CACHE_HOME": ".cache",
    "XDG_RUNTIME_DIR": ".run",
}


@dataclass(frozen=True)
class _Command:
    """A command line, the variables that it needs, and whether the tracer holds it."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    is_traced: bool = False


def launch(running: Running, order: Order, seed: int) -> None:
    """Start the program of an order, with all that it needs, in a new folder.

    Raises:
        NativeError: something that is needed is not installed, or the program cannot be preloaded into.
    """
    native = build()
    names = {"width": order.screen[0], "height": order.screen[1], "home": running.home, "seed": seed}
    pad = running.folder / "pad"
    _fill_home(running.home, order, names)
    pad.touch()
    command = _command(running, order, native, names)
    running.is_traced = command.is_traced
    running.page = _page(running.folder / "page", pad, order, seed)
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/games"
    base = {**_ENVIRONMENT, "PATH": path, "HOME": str(running.home)}
    connection = _open_display(running, order, native.guard, base)
    _make_pad(running, running.page, connection, order)
    environment = {
        **base,
        **_private_folders(running.home),
        "DISPLAY": connection.name,
        "SDL_JOYSTICK_DEVICE": str(pad),
        "OVERPLAY_PAGE": str(running.page.path),
        "OVERPLAY_PRELOAD": str(native.library),
        **command.environment,
        **({"SDL_JOYSTICK_DEVICE": str(running.uinput.node or "")} if running.uinput is not None else {}),
        **{name: text.format(**names) for name, text in order.setup.environment.items()},
    }
    log = running.folder / "game.log"
    running.game = GuardedProcess(native.guard, command.words, environment, log, running.home, grace_ms=_GAME_GRACE_MS)


def _fill_home(home: Path, order: Order, names: Mapping[str, Any]) -> None:
    """Make the home: folders of shared score files, the setup's files, and the task's."""
    home.mkdir()
    for folder, _, _ in os.walk(_SHARED):  # without the files, where the clock library moves them to
        Path(f"{home}{folder}").mkdir(parents=True, exist_ok=True)
    contents = {
        name: text if isinstance(text, bytes) else text.format(**names) for name, text in order.setup.home.items()
    }
    contents |= {name: make_text() for name, make_text in order.task.launch.get("files", {}).items()}
    for name, content in contents.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def _private_folders(home: Path) -> dict[str, str]:
    for folder in _FOLDERS.values():  # some games make only the last part of a path
        (home / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    return {name: str(home / folder) for name, folder in _FOLDERS.items()}


def _command(running: Running, order: Order, native: Native, names: Mapping[str, Any]) -> _Command:
    """Return the command line: the program alone, under Wine, or under the tracer."""
    program = _program(running.folder, order)
    arguments = (*order.setup.command[1:], *order.task.launch.get("arguments", ()))
    words = (str(program), *(argument.format(**names) for argument in arguments))
    if order.setup.windows:
        prefix = wine.make_prefix(running.home)
        return _Command((str(wine.find_wine()), *words), wine.environment(prefix, program))
    if is_static(program):
        return _Command((str(native.tracer), *words), {"OVERPLAY_PRELOAD": ""}, is_traced=True)
    return _Command(words)


def _program(folder: Path, order: Order) -> Path:
    """Return the program's file, or a copy of it, once it is known that the clock can own its time."""
    setup = order.setup
    try:
        program = find_program(setup.command[0])
    except NativeError as error:
        raise NativeError(f"{error}; run: apt-get install {' '.join(setup.packages)}") from error
    if setup.copy_program:
        program = Path(shutil.copyfile(program, folder / program.name))
        program.chmod(0o755)
    check_program(wine.find_wine() if setup.windows else program)
    return program


def _page(path: Path, pad: Path, order: Order, seed: int) -> ClockPage:
    random_seed, start = (int(value) for value in np.random.SeedSequence(seed).generate_state(2, np.uint64))
    return ClockPage(
        path,
        mode=order.mode,
        vsync=order.setup.vsync,
        dt_ns=refresh_ns(order.spec.control_hz),
        seed=random_seed,
        epoch_ns=(_EPOCH_S + start % _EPOCH_SPAN_S) * 10**9,
        speed=order.speed,
        settle=order.setup.settle,
        surfaces=order.setup.windows,
        pad_path=str(pad),
    )


def refresh_ns(control_hz: int) -> int:
    """Return the refresh period, in ns, of a display of about 60 Hz that fits into a control frame."""
    return 10**9 // control_hz // max(round(_REFRESH_HZ / control_hz), 1)


def _open_display(running: Running, order: Order, guard: Path, environment: Mapping[str, str]) -> XConnection:
    display = running.display = Display(guard, running.folder, *order.screen, environment, remove=running.folder)
    try:
        running.capture = MappedCapture(display.picture)
    except (OSError, NativeError):  # a server that maps nothing, or maps it in another form
        running.capture = ServerCapture(display.name)
    running.connection = XConnection(display.name)
    if order.setup.windows and running.page is not None:
        # What Wine draws goes through other processes, which wait for the server.
        running.page.fields.pids[0], running.page.fields.num_pids = display.server_pid(), 1
    return running.connection


def _make_pad(running: Running, page: ClockPage, connection: XConnection, order: Order) -> None:
    input_map = order.spec.input_map
    if order.setup.input == "uinput":
        running.pad = running.uinput = UinputPad(input_map)
    elif order.setup.input == "keys":
        running.keys = Keys(connection)
        running.pad = KeyPad(running.keys, input_map)
    else:
        running.pad = EvdevPad(page, input_map)
