"""The shared page of `page.h` from the controller's side: fields, and the step of grant and done.

The page is a file in memory that the game's processes map too; its path travels in `OVERPLAY_PAGE`.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import time
from pathlib import Path
from typing import Final

MAGIC: Final = 0x4C50564F
VERSION: Final = 2
SIZE_BYTES: Final = 4096
#: Names of `enum overplay_mode`.
MODES: Final = {"off": 0, "locked": 1, "clamped": 2}
#: Names of `enum overplay_vsync`.
VSYNCS: Final = {"never": 0, "adaptive": 1, "always": 2, "auto": 3}
#: Bits of `flags`.
SETTLE: Final = 1
SURFACES: Final = 2
MAX_PROCESSES: Final = 64
NEVER: Final = 2**64 - 1
#: Bits of `pad_buttons` in order. The dpad's are at the end; triggers and sticks have fields of their own.
PAD_BUTTONS: Final = (
    "south", "east", "west", "north", "left_shoulder", "right_shoulder", "back", "start", "guide",
    "left_thumb", "right_thumb", "dpad_up", "dpad_down", "dpad_left", "dpad_right",
)  # fmt: skip
#: Fields that the library counts in.
COUNTERS: Final = (
    "queries",
    "sleeps",
    "worker_waits",
    "presents",
    "other_presents",
    "stalls",
    "busy_waits",
    "pad_events",
)

#: Number of the system call, by machine.
_SYS_FUTEX: Final = {"x86_64": 202, "aarch64": 98}
#: Its operations (linux/futex.h).
_FUTEX_WAIT: Final = 0
_FUTEX_WAKE: Final = 1
#: How many sleepers are woken: all.
_EVERYBODY: Final = 2**30
#: Bytes of the pad's path, with its end.
_PATH_BYTES: Final = 512
_U32 = ctypes.c_uint32
_U64 = ctypes.c_uint64
_I32 = ctypes.c_int32


class Fields(ctypes.Structure):
    """`struct overplay_page`; what each field means is written in `page.h`."""

    _fields_ = (
        ("magic", _U32), ("version", _U32), ("mode", _U32), ("vsync", _U32), ("flags", _U32), ("reserved", _U32),
        ("seed", _U64), ("epoch_ns", _U64), ("dt_ns", _U64), ("speed", ctypes.c_double),
        ("limit_ns", _U64), ("clamp_game_ns", _U64), ("clamp_real_ns", _U64), ("grant", _U32), ("pad_buttons", _U32),
        ("pad_axes", _I32 * 4), ("pad_triggers", _I32 * 2),
        ("now_ns", _U64), ("wake_at_ns", _U64), ("done", _U32), ("tick", _U32), ("driver_pid", _I32),
        ("driver_tid", _I32), ("num_processes", _U32), ("pad_opens", _U32),
        *((name, _U64) for name in COUNTERS), ("server_wake_ns", _U64), ("server_pid", _I32), ("num_pids", _U32),
        ("pids", _I32 * MAX_PROCESSES), ("deadlines", _U64 * MAX_PROCESSES), ("pad_path", ctypes.c_char * _PATH_BYTES),
    )  # fmt: skip


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class ClockPage:
    """A page that the controller makes for one program.

    Args:
        path: file to make; in a folder of memory such as /dev/shm it costs no disk.
        mode: a name of `MODES`.
        vsync: a name of `VSYNCS`.
        dt_ns: refresh period in nanoseconds.
        seed: of everything that the program draws at random; its start on the calendar is `epoch_ns`.
        epoch_ns: CLOCK_REALTIME at game time 0, nanoseconds since 1970.
        speed: clamped mode: game seconds per real second.
        settle: whether time waits until the program's other threads sleep.
        surfaces: whether a picture put to the X server is a frame.
        pad_path: file that stands for the pad; "" for none.

    Raises:
        ValueError: an unknown mode or vsync, or a pad path that is too long.
    """

    def __init__(
        self,
        path: Path,
        *,
        mode: str = "locked",
        vsync: str = "auto",
        dt_ns: int = 10**9 // 60,
        seed: int = 0,
        epoch_ns: int = 10**18,
        speed: float = 1.0,
        settle: bool = False,
        surfaces: bool = False,
        pad_path: str = "",
    ) -> None:
        for value, known in ((mode, MODES), (vsync, VSYNCS)):
            if value not in known:
                raise ValueError(f"expected one of {', '.join(known)}, got {value!r}")
        if len(os.fsencode(pad_path)) >= _PATH_BYTES:
            raise ValueError(
                f"the pad's path must be shorter than {_PATH_BYTES} bytes, got {len(os.fsencode(pad_path))}"
            )
        if speed <= 0 or dt_ns < 1:
            raise ValueError(f"speed and dt_ns must be above 0, got {speed} and {dt_ns}")
        self.path = path
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, SIZE_BYTES)
            self._map = mmap.mmap(descriptor, SIZE_BYTES)
        finally:
            os.close(descriptor)
        self.fields: Fields = Fields.from_buffer(self._map)
        fields = self.fields
        fields.version, fields.mode, fields.vsync = VERSION, MODES[mode], VSYNCS[vsync]
        fields.flags = SETTLE * settle + SURFACES * surfaces
        fields.seed, fields.epoch_ns, fields.dt_ns, fields.speed = seed % 2**64, epoch_ns, dt_ns, speed
        fields.wake_at_ns, fields.pad_path = NEVER, os.fsencode(pad_path)
        fields.magic = MAGIC

    def grant(self, limit_ns: int) -> None:
        """Let the game run until its time reaches a limit, in nanoseconds since its start."""
        fields = self.fields
        fields.clamp_game_ns, fields.clamp_real_ns = fields.limit_ns, time.monotonic_ns()
        fields.limit_ns = limit_ns
        fields.grant = (fields.grant + 1) % 2**32
        self._futex(Fields.grant.offset, _FUTEX_WAKE, _EVERYBODY, None)

    def wait(self, timeout_s: float) -> bool:
        """Return whether the game used up the last grant within so many real seconds."""
        fields = self.fields
        deadline = time.monotonic() + timeout_s
        while (done := fields.done) != fields.grant:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._futex(Fields.done.offset, _FUTEX_WAIT, done, left)
        return True

    def counters(self) -> dict[str, int]:
        """Return what the library counted since the start, by name of `COUNTERS`."""
        return {name: int(getattr(self.fields, name)) for name in COUNTERS}

    def close(self) -> None:
        """Unmap the page and remove its file. May be called twice."""
        if self._map.closed:
            return
        del self.fields
        self._map.close()
        self.path.unlink(missing_ok=True)

    def _futex(self, offset: int, operation: int, value: int, timeout_s: float | None) -> None:
        word = ctypes.addressof(self.fields) + offset
        timeout = None
        if timeout_s is not None:
            timeout = ctypes.byref(_Timespec(int(timeout_s), int(timeout_s % 1 * 1e9)))
        _LIBC.syscall(
            ctypes.c_long(_SYS_FUTEX[os.uname().machine]),
            ctypes.c_void_p(word),
            ctypes.c_int(operation),
            _U32(value),
            timeout,
            None,
            0,
        )


_LIBC: Final = ctypes.CDLL(None, use_errno=True)
