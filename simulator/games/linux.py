"""How a Linux program is installed, started and brought to play; what a `GameSpec` of the backend `linux` carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

#: Control frames that a tap lasts: every menu of the games here sees it.
_TAP_FRAMES: Final = 4
#: Share of full deflection of a stick from which its key is pressed, for input `keys`; chosen, not measured.
STICK_KEY: Final = 0.3
#: Inputs that `LinuxSetup.input` may name.
INPUTS: Final = ("pad", "keys", "uinput")

Probe = Callable[[Path], Mapping[str, float]]


class Memory(Protocol):
    """The memory of a running program.

    Attributes:
        base: address at which the program is loaded.
    """

    base: int

    def program_sha256(self) -> str:
        """Return the SHA-256 of the program's file."""
        ...

    def read(self, address: int, size: int) -> bytes:
        """Return so many bytes at an address; raises OSError where there are none."""
        ...

    def find(self, pattern: bytes, align: int = 4) -> tuple[int, ...]:
        """Return the aligned addresses of a pattern in the program's own variables."""
        ...


Reader = Callable[[], Mapping[str, float]]


@dataclass(frozen=True)
class Hold:
    """A part of a boot script: hold a state of the pad, then let go of it.

    Attributes:
        frames: control frames to hold it for.
        buttons: names of pad buttons, also such as the input map leaves out; for input `pad`.
        axes: (name of an axis, value in [-1, 1]) pairs; for input `pad`.
        keys: X names of keys, for menus that know no pad.
    """

    frames: int
    buttons: tuple[str, ...] = ()
    axes: tuple[tuple[str, float], ...] = ()
    keys: tuple[str, ...] = ()


def tap(*buttons: str, wait: int = 20) -> tuple[Hold, Hold]:
    """Return the script of pressing buttons for some frames, and then waiting for as many as asked."""
    return Hold(_TAP_FRAMES, buttons), Hold(wait)


def tap_key(*keys: str, wait: int = 20) -> tuple[Hold, Hold]:
    """Return the script of pressing keys for some frames, and then waiting for as many as asked."""
    return Hold(_TAP_FRAMES, keys=keys), Hold(wait)


@dataclass(frozen=True)
class LinuxSetup:
    """A program of a Linux distribution.

    In `command`, `environment` and the texts of `home` stand `{width}`, `{height}` (of the screen), `{home}` (the
    private home folder) and `{seed}` (of the episode); doubled braces are braces.

    Attributes:
        packages: Debian packages that have the program and its data.
        command: program and arguments; a task's `launch["arguments"]` follow.
        home: files that lie in the home folder at the start, path -> text, or bytes that are left as they are.
        environment: variables beside the backend's own.
        input: `pad` (evdev, as the game sees a real one; controls that the input map names get through) or `keys`
            (the input map's names are X keys; of an axis `Left|Right`, pressed beyond the third value), or `uinput`
            (a device of the kernel, which few machines let us make).
        vsync: `auto`, `always`, `adaptive` or `never`; see `simulator/native/page.h`.
        settle: whether time waits for the program's other threads; for games that think in threads.
        copy_program: run a copy, because the installed program is setgid.
        windows: whether the command is a Windows program's file, which Wine runs; its pad is XInput.
        screen: width and height of its window where it has but one; frames of another size are scaled from it.
        boot: what is played before the first frame; a task's `launch["boot"]` follows.
        boot_frames: control frames that the program may take until it shows its first frame.
        idle_frames: after the script the game is left alone for a part of so many control frames, by seed: for games
            whose luck follows neither clock nor random source, so that seeds are different starts.
        probe: home folder -> further facts; read after every step, so it must be quick. It may say that `running` is 0
            where the attempt is over though the program is not.
        inspect: memory of the program at its start state -> reader of further facts, for games that write down nothing;
            it may say `running` 0 too.
        watch: picture -> further facts, read after every step; it may say `running` 0 too.
    """

    packages: tuple[str, ...]
    command: tuple[str, ...]
    home: Mapping[str, str | bytes] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    input: str = "pad"
    vsync: str = "auto"
    settle: bool = False
    copy_program: bool = False
    windows: bool = False
    screen: tuple[int, int] | None = None
    boot: tuple[Hold, ...] = ()
    boot_frames: int = 1200
    idle_frames: int = 0
    probe: Probe | None = None
    inspect: Callable[[Memory], Reader] | None = None
    watch: Callable[[npt.NDArray[np.uint8]], Mapping[str, float]] | None = None

    def __post_init__(self) -> None:
        if self.input not in INPUTS:
            raise ValueError(f"input is one of {', '.join(INPUTS)}, got {self.input!r}")
