"""Two uses of Xlib: pressing keys, and reading the screen of servers whose picture cannot be mapped."""

from __future__ import annotations

import ctypes
from typing import Any, Final

import numpy as np

from simulator.native.build import NativeError
from simulator.protocol import Frame

#: Arguments of XGetImage: whole pixels, of all planes.
_Z_PIXMAP: Final = 2
_ALL_PLANES: Final = 2**64 - 1
_EXIT_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


class _Image(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_int), ("height", ctypes.c_int), ("xoffset", ctypes.c_int), ("format", ctypes.c_int),
        ("data", ctypes.c_void_p), ("byte_order", ctypes.c_int), ("bitmap_unit", ctypes.c_int),
        ("bitmap_bit_order", ctypes.c_int), ("bitmap_pad", ctypes.c_int), ("depth", ctypes.c_int),
        ("bytes_per_line", ctypes.c_int), ("bits_per_pixel", ctypes.c_int),
    )  # fmt: skip


def _load(name: str, package: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise NativeError(f"{name} is missing; run: apt-get install {package}") from error


class XConnection:
    """A connection to a display.

    Args:
        name: such as `:7`.

    Raises:
        NativeError: Xlib is not installed, or the display cannot be reached.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._x: Any = _load("libX11.so.6", "libx11-6")
        results = {
            "XOpenDisplay": ctypes.c_void_p,
            "XGetImage": ctypes.POINTER(_Image),
            "XStringToKeysym": ctypes.c_ulong,
            "XDefaultRootWindow": ctypes.c_ulong,
            "XKeysymToKeycode": ctypes.c_ubyte,
        }
        for function, result in results.items():
            getattr(self._x, function).restype = result
        display = self._x.XOpenDisplay(name.encode())
        if not display:
            raise NativeError(f"display {name} cannot be reached: its server has ended or refuses us")
        self._display = ctypes.c_void_p(display)
        self._root = ctypes.c_ulong(self._x.XDefaultRootWindow(self._display))
        self._on_loss = _EXIT_HANDLER(self._lost)
        self.is_lost = False
        # Without a handler Xlib ends our process when the server goes.
        self._x.XSetIOErrorExitHandler(self._display, self._on_loss, None)
        self._tst: Any = None

    def _lost(self, display: object, data: object) -> None:
        self.is_lost = True

    def size(self) -> tuple[int, int]:
        """Return width and height of the screen in pixels."""
        return self._x.XDisplayWidth(self._display, 0), self._x.XDisplayHeight(self._display, 0)

    def screen(self) -> Frame:
        """Return the screen, (height, width, 3) uint8 RGB; 24-bit displays only."""
        width, height = self.size()
        image = self._x.XGetImage(
            self._display, self._root, 0, 0, width, height, ctypes.c_ulong(_ALL_PLANES), _Z_PIXMAP
        )
        if not image:
            raise NativeError("the display's picture cannot be read")
        try:
            fields = image.contents
            row_bytes = fields.bytes_per_line
            raw = np.ctypeslib.as_array(ctypes.cast(fields.data, ctypes.POINTER(ctypes.c_uint8)), (height * row_bytes,))
            pixels = raw.reshape(height, row_bytes)[:, : 4 * width].reshape(height, width, 4)
            return np.ascontiguousarray(pixels[..., 2::-1])
        finally:
            self._x.XDestroyImage(image)

    def keycode(self, keysym: str) -> int:
        """Return the code of a key by its X name, such as `space`, `Left` or `Control_L`.

        Raises:
            ValueError: the keyboard has no such key.
        """
        symbol = self._x.XStringToKeysym(keysym.encode())
        code = self._x.XKeysymToKeycode(self._display, ctypes.c_ulong(symbol)) if symbol else 0
        if not code:
            raise ValueError(f"the keyboard has no key {keysym!r}; expected an X name such as space, Left, Control_L")
        return int(code)

    def forbid_repeat(self) -> None:
        """Keep held keys from repeating, which would follow the server's real time."""
        self._x.XAutoRepeatOff(self._display)
        self._x.XSync(self._display, 0)

    def press(self, changes: list[tuple[int, bool]]) -> None:
        """Press and release keys by code; when it returns the server has told the game's window."""
        if self._tst is None:
            self._tst = _load("libXtst.so.6", "libxtst6")
        for code, is_down in changes:
            self._tst.XTestFakeKeyEvent(self._display, ctypes.c_uint(code), int(is_down), ctypes.c_ulong(0))
        self.sync()

    def sync(self) -> None:
        """Return when the server has done what other programs asked it for before: it reads the second request last."""
        for _ in range(2):
            self._x.XSync(self._display, 0)

    def close(self) -> None:
        """Close the connection. May be called twice."""
        if self._display and not self.is_lost:
            self._x.XCloseDisplay(self._display)
        self._display = ctypes.c_void_p()
