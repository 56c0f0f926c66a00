"""Linux programs behind the seam: a private display, a private home, the clock library, and a guard around it all."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from ops.gamepad import AXES, BENCHMARK
from simulator.backends.linux import wine
from simulator.backends.linux.display import Display, MappedCapture, ServerCapture
from simulator.backends.linux.guarded import GuardedProcess
from simulator.backends.linux.memory import ProcessMemory
from simulator.backends.linux.pads import EvdevPad, KeyPad, Keys
from simulator.backends.linux.uinput import UinputPad
from simulator.backends.linux.x11 import XConnection
from simulator.native.build import NativeError, build
from simulator.native.page import ClockPage
from simulator.native.programs import check_program, find_program, is_static
from simulator.protocol import Frame, GameEndedError

if TYPE_CHECKING:
    from simulator.games.linux import Hold, LinuxSetup, Reader
    from simulator.games.spec import GameSpec, Task

#: Real seconds that one step may take before the game counts as stuck; loading on a busy machine takes tens.
STEP_TIMEOUT_S: Final = 120.0
#: Game seconds without a present or a sleep of its main thread after which the game counts as stuck.
_QUIET_LIMIT_S: Final = 5
_LOOK_S: Final = 0.25
#: Real time: how many times its length a part of a boot script may last until the game has shown as many frames.
_PATIENCE: Final = 4
#: Real time: how far behind the clock frames may be and still be made up for.
_MAX_LAG_S: Final = 0.1
#: Score files of all users; `simulator/native/files.c` moves them into the home.
_SHARED: Final = Path("/var/games")
_GAME_GRACE_MS: Final = 0
#: Calendars start in 2020 and, by seed, up to five years later.
_EPOCH_S, _EPOCH_SPAN_S = 1_577_836_800, 5 * 365 * 86_400
_ENVIRONMENT: Final = {
    "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "SDL_AUDIODRIVER": "dummy", "ALSOFT_DRIVERS": "null",
    "LIBGL_ALWAYS_SOFTWARE": "1", "LP_NUM_THREADS": "1", "MESA_SHADER_CACHE_DISABLE": "true", "OMP_NUM_THREADS": "1",
    "PERL_HASH_SEED": "0", "PYTHONHASHSEED": "0", "SDL_VIDEODRIVER": "x11", "vblank_mode": "0",
}  # fmt: skip


class _Running:
    """What exists while a game runs; `stop` ends all of it."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="overplay-", dir=memory if os.access(memory, os.W_OK) else None))
        self.page: ClockPage | None = None
        self.display: Display | None = None
        self.game: GuardedProcess | None = None
        self.capture: MappedCapture | ServerCapture | None = None
        self.connection: XConnection | None = None
        self.memory: ProcessMemory | None = None
        self.uinput: UinputPad | None = None

    def stop(self) -> None:
        if self.game is not None:
            self.game.stop()
        for part in (self.connection, self.capture, self.memory, self.uinput, self.page):
            if part is not None:
                part.close()
        if self.display is not None:
            self.display.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class LinuxBackend:
    """One game on one private display. It is its own clock, pad, capture and launcher.

    Args:
        spec: the game; `spec.setup` says how it is started.
        task: the task; `launch` may hold `arguments` for the command line, `boot`, a script of `Hold`s, and `files`,
            path in the home -> function that gives the text.
        width: of frames in pixels, and of the screen unless `spec.setup.screen` gives another one.
        height: of frames in pixels, likewise.
        mode: of the clock: `locked`, `clamped` or `off`.
        speed: clamped mode: game seconds per real second.
    """

    def __init__(
        self, spec: GameSpec, task: Task, width: int, height: int, mode: str = "locked", speed: float = 1.0
    ) -> None:
        if spec.setup is None:
            raise ValueError(f"game {spec.name!r} has no setup, which the backend 'linux' needs")
        if width < 64 or height < 64:
            raise ValueError(f"a display is at least 64x64, got {width}x{height}")
        self.clock = self.pad = self.capture = self.launcher = self
        self._spec, self._task, self._size = spec, task, (width, height)
        self._screen = spec.setup.screen or self._size
        self._setup: LinuxSetup = spec.setup
        self._mode, self._speed = mode, speed
        self._period_ns = 10**9 // spec.control_hz
        self._limit_ns = 0
        self._num_quiet, self._signs, self._due_s = 0, -1, 0.0
        self._running: _Running | None = None
        self._pad: EvdevPad | KeyPad | UinputPad | None = None
        self._keys: Keys | None = None
        self._exit_code: int | None = None
        self._frame: Frame = np.zeros((height, width, 3), np.uint8)
        self._probed: dict[str, float] = {}
        self._is_traced = False  # the program is static: nothing in it asks the X server to finish
        self.reader: Reader | None = None

    @property
    def page(self) -> ClockPage:
        """The shared page of the running game."""
        if self._running is None or self._running.page is None:
            raise GameEndedError(f"{self._spec.name} is not running; reset the environment first")
        return self._running.page

    def start(self, seed: int) -> None:
        """Start the program anew and bring it to the task's start state; all follows from the seed (any int >= 0).

        Raises:
            NativeError: something that is needed is not installed, or the program cannot be preloaded into.
            GameEndedError: it ended or stopped before its start state; says its last words.
        """
        self.stop()
        self._exit_code, self._probed, self._limit_ns = None, {}, 0
        self._num_quiet, self._signs = 0, -1
        self._frame = np.zeros_like(self._frame)
        self._running = _Running()
        try:
            self._launch(self._running, seed)
            self._boot()
            if self._setup.idle_frames:
                self.advance(seed % self._setup.idle_frames)
            self._attach(self._running)
        except BaseException:
            self.stop()
            raise

    def set(self, buttons: npt.NDArray[np.int8], sticks: npt.NDArray[np.float32]) -> None:
        """Hold a pad state; the game sees it in the next frame."""
        if self._pad is not None and self._exit_code is None:
            self._pad.set(buttons, sticks)

    def advance(self, num_frames: int) -> int:
        """Let so many control frames of game time pass; fewer where the program ends.

        Raises:
            GameEndedError: the program does nothing for `STEP_TIMEOUT_S`; says its last words.
        """
        for done in range(num_frames):
            if self._exit_code is not None or not self._step():
                return done
        return num_frames

    def grab(self) -> Frame:
        """Return the current picture; the last one before the end, the same array again, once the program has ended."""
        if self._running is not None and self._running.capture is not None and self._exit_code is None:
            self._frame = _scaled(self._running.capture.grab(), self._size)
        return self._frame

    def facts(self) -> Mapping[str, float]:
        """Return `running`, `exit_code` (-1 while it runs), `presents`, `stalls`, and what the setup's probe reads."""
        if self._running is not None:
            if self._running.page is not None:
                fields = self._running.page.fields
                self._probed.update(presents=float(fields.presents), stalls=float(fields.stalls))
            if self._setup.probe is not None:
                self._probed.update(self._setup.probe(self._running.folder / "home"))
            if self.reader is not None and self._exit_code is None:
                self._probed.update(self.reader())
            if self._setup.watch is not None:
                self._probed.update(self._setup.watch(self.grab()))
        running = self._running is not None and self._exit_code is None
        return {"running": float(running), "exit_code": float(-1 if running else self._exit_code or 0), **self._probed}

    def stop(self) -> None:
        """End game and display; remove home and shared memory. May be called twice."""
        if self._running is not None:
            self._running.stop()
            self._running = self._pad = self._keys = self.reader = None
            self._exit_code = 0 if self._exit_code is None else self._exit_code

    def hold_keys(self, *names: str) -> None:
        """Hold keys by X name beside the pad, as menus of some games need."""
        if self._running is None or self._running.connection is None:
            raise GameEndedError(f"{self._spec.name} is not running; reset the environment first")
        if self._keys is None:
            self._keys = Keys(self._running.connection)
        self._keys.hold(names)

    def _launch(self, running: _Running, seed: int) -> None:
        native = build()
        folder = running.folder
        home, pad, log = folder / "home", folder / "pad", folder / "game.log"
        home.mkdir()
        _mirror_folders(_SHARED, home)
        pad.touch()
        words = {"width": self._screen[0], "height": self._screen[1], "home": home, "seed": seed}
        made = {name: make_text() for name, make_text in self._task.launch.get("files", {}).items()}
        texts = {
            key: text if isinstance(text, bytes) else text.format(**words) for key, text in self._setup.home.items()
        }
        for name, content in (texts | made).items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        arguments = (*self._setup.command[1:], *self._task.launch.get("arguments", ()))
        program, extra = self._program(folder), {}
        command = [str(program), *(argument.format(**words) for argument in arguments)]
        if self._setup.windows:
            command.insert(0, str(wine.find_wine()))
            extra = wine.environment(wine.make_prefix(home), program)
        elif is_static(program):
            command.insert(0, str(native.tracer))
            extra, self._is_traced = {"OVERPLAY_PRELOAD": ""}, True
        state = np.random.SeedSequence(seed).generate_state(2, np.uint64)
        running.page = ClockPage(
            folder / "page", mode=self._mode, vsync=self._setup.vsync, dt_ns=_refresh_ns(self._spec.control_hz),
            seed=int(state[0]), epoch_ns=(_EPOCH_S + int(state[1]) % _EPOCH_SPAN_S) * 10**9, speed=self._speed,
            settle=self._setup.settle, surfaces=self._setup.windows, pad_path=str(pad),
        )  # fmt: skip
        base = {**_ENVIRONMENT, "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/games", "HOME": str(home)}
        running.display = Display(native.guard, folder, *self._screen, base, remove=folder)
        try:
            running.capture = MappedCapture(running.display.picture)
        except (OSError, NativeError):  # a server that maps nothing, or maps it in another form
            running.capture = ServerCapture(running.display.name)
        running.connection = XConnection(running.display.name)
        if self._setup.windows:  # what Wine draws goes through other processes, which wait for the server
            running.page.fields.pids[0], running.page.fields.num_pids = running.display.server_pid(), 1
        if self._setup.input == "uinput":
            running.uinput = self._pad = UinputPad(self._spec.input_map)
            extra = {**extra, "SDL_JOYSTICK_DEVICE": str(running.uinput.node or "")}
        given = {name: text.format(**words) for name, text in self._setup.environment.items()}
        environment = {
            **base, **_private_folders(home), "DISPLAY": running.display.name, "SDL_JOYSTICK_DEVICE": str(pad),
            "OVERPLAY_PAGE": str(running.page.path), "OVERPLAY_PRELOAD": str(native.library), **extra,
            **given,
        }  # fmt: skip
        running.game = GuardedProcess(native.guard, command, environment, log, home, grace_ms=_GAME_GRACE_MS)
        if self._setup.input == "keys":
            self._keys = Keys(running.connection)
            self._pad = KeyPad(self._keys, self._spec.input_map)
        elif self._setup.input == "pad":
            self._pad = EvdevPad(running.page, self._spec.input_map)

    def _attach(self, running: _Running) -> None:
        if self._setup.inspect is None:
            return
        try:
            running.memory = ProcessMemory(self.page.fields.driver_pid)
            self.reader = self._setup.inspect(running.memory)
        except (OSError, ValueError) as error:
            raise GameEndedError(
                f"the facts of {self._spec.name} cannot be read from its memory: {error}; is it another version?"
            ) from error

    def _program(self, folder: Path) -> Path:
        try:
            program = find_program(self._setup.command[0])
        except NativeError as error:
            raise NativeError(f"{error}; run: apt-get install {' '.join(self._setup.packages)}") from error
        if self._setup.copy_program:
            program = Path(shutil.copyfile(program, folder / program.name))
            program.chmod(0o755)
        check_program(wine.find_wine() if self._setup.windows else program)
        return program

    def _boot(self) -> None:
        for _ in range(self._setup.boot_frames):
            if self.page.fields.presents or not self._step():
                break
        self._expect_running("before its first frame")
        if not self.page.fields.num_processes:
            raise NativeError(
                f"the clock library was not loaded into {self._setup.command[0]}; is it static or setgid?"
            )
        script: tuple[Hold, ...] = (*self._setup.boot, *self._task.launch.get("boot", ()))
        for hold in script:
            self._play(hold)
            self._expect_running("while it was brought to its start state")
        self._play(None)

    def _play(self, hold: Hold | None) -> None:
        buttons, sticks = np.zeros(BENCHMARK.num_buttons, np.int8), np.zeros(len(AXES), np.float32)
        if hold is not None:
            buttons[[BENCHMARK.index(name) for name in hold.buttons]] = 1
            for axis, value in hold.axes:
                sticks[AXES.index(axis)] = value
        if isinstance(self._pad, EvdevPad | UinputPad):
            self._pad.set_all(buttons, sticks)
        if self._keys is not None or (hold is not None and hold.keys):
            self.hold_keys(*(hold.keys if hold is not None else ()))
        if hold is not None:
            presents = self.page.fields.presents
            self.advance(hold.frames)
            if self._mode == "off":
                self._catch_up(presents + hold.frames, _PATIENCE * hold.frames)

    def _catch_up(self, presents: int, max_frames: int) -> None:
        """Give a game that loads slower than real time the frames that a boot script counts on."""
        for _ in range(max_frames):
            if self.page.fields.presents >= presents or not self.advance(1):
                return

    def _expect_running(self, when: str) -> None:
        if self._exit_code is not None:
            raise GameEndedError(
                f"{self._spec.name} ended with exit code {self._exit_code} {when}; {self._last_words()}"
            )

    def _step(self) -> bool:
        """Run one control frame; return False where the program ended."""
        assert self._running is not None
        assert self._running.game is not None
        page, game = self.page, self._running.game
        self._limit_ns += self._period_ns
        page.grant(self._limit_ns)
        if self._mode == "off":
            self._wait_for_the_hour()
        began = time.monotonic()
        while self._mode != "off" and not page.wait(_LOOK_S):
            if game.exit_code() is not None:
                break
            if time.monotonic() - began > STEP_TIMEOUT_S:
                counters = ", ".join(f"{value} {name}" for name, value in page.counters().items())
                raise GameEndedError(
                    f"{self._spec.name} did not use its time within {STEP_TIMEOUT_S:.0f} s ({counters}); "
                    f"{self._last_words()}"
                )
            if page.fields.num_processes == 0 and time.monotonic() - began > 5:
                raise NativeError(
                    f"the clock library was not loaded into {self._setup.command[0]}; is it static or setgid?"
                )
        self._exit_code = game.exit_code()
        if self._is_traced and self._running.connection is not None:
            self._running.connection.sync()
        self._expect_life(page)
        return self._exit_code is None

    def _wait_for_the_hour(self) -> None:
        """Sleep until the frame's real time is over; frames that come too late do not make later ones short."""
        now = time.monotonic()
        self._due_s = max(self._due_s, now - _MAX_LAG_S) + self._period_ns / 1e9
        time.sleep(max(self._due_s - now, 0))

    def _expect_life(self, page: ClockPage) -> None:
        """Raise GameEndedError where only other threads have moved time for long: the main one waits for nobody."""
        signs = page.fields.presents + page.fields.sleeps + page.fields.busy_waits + page.fields.other_presents
        self._num_quiet = self._num_quiet + 1 if signs == self._signs and self._mode == "locked" else 0
        self._signs = signs
        if self._num_quiet > _QUIET_LIMIT_S * self._spec.control_hz and self._exit_code is None:
            raise GameEndedError(
                f"{self._spec.name} did nothing for {_QUIET_LIMIT_S} s of game time; {self._last_words()}"
            )

    def _last_words(self) -> str:
        words = self._running.game.last_words() if self._running is not None and self._running.game is not None else ""
        return f"its last words:\n{words}" if words else "it said nothing"


def _refresh_ns(control_hz: int) -> int:
    """Return the refresh period of a display of about 60 Hz that fits into a control frame."""
    return 10**9 // control_hz // max(round(60 / control_hz), 1)


def _scaled(picture: Frame, size: tuple[int, int]) -> Frame:
    """Return a picture at a size (width, height), in pixels, each the mean of what it covers."""
    if picture.shape[1::-1] == size:
        return picture
    import cv2

    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _mirror_folders(source: Path, home: Path) -> None:
    """Make the folders of shared score files, without the files, where the clock library moves them to."""
    for folder, _, _ in os.walk(source):
        Path(f"{home}{folder}").mkdir(parents=True, exist_ok=True)


def _private_folders(home: Path) -> dict[str, str]:
    places = {
        "XDG_CONFIG_HOME": ".config", "XDG_DATA_HOME": ".local/share", "XDG_CACHE_HOME": ".cache",
        "XDG_RUNTIME_DIR": ".run",
    }  # fmt: skip
    for place in places.values():  # some games make only the last part of a path
        (home / place).mkdir(mode=0o700, parents=True, exist_ok=True)
    return {name: str(home / place) for name, place in places.items()}


def make_backend(spec: GameSpec, task: Task, width: int, height: int, **options: Any) -> LinuxBackend:
    """Return a backend; options are those of `LinuxBackend`."""
    return LinuxBackend(spec, task, width, height, **options)
