"""A private X server without a screen, and reading its picture."""

from __future__ import annotations

import mmap
import os
import select
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from simulator.backends.linux.guarded import GuardedProcess
from simulator.backends.linux.x11 import XConnection
from simulator.native.build import NativeError
from simulator.protocol import Frame

#: Real seconds in which the server must say its number.
_START_S: Final = 20.0
#: No network, one start for all clients, no pointer in the picture.
_OPTIONS: Final = ("-nolisten", "tcp", "-noreset", "-nocursor")
#: Big-endian 32-bit words of an XWD header (X11/XWDFile.h).
_HEADER_WORDS: Final = 25
#: OpenCV shares larger pictures among threads, whose waking costs the processor eight times what the conversion does.
_BAND_PIXELS: Final = 1 << 16
#: Places of words in the header.
_HEADER_BYTES: Final = 0
_WIDTH: Final = 4
_HEIGHT: Final = 5
_BITS_PER_PIXEL: Final = 11
_ROW_BYTES: Final = 12
_NUM_COLORS: Final = 19
#: Bytes of a colour, which lie between header and picture.
_COLOR_BYTES: Final = 12
#: Bits of a pixel that can be read here: blue, green, red, and one unused.
_PIXEL_BITS: Final = 32


class Display:
    """Xvfb on a free display number, with its picture mapped from a file.

    Args:
        guard: the compiled guard.
        folder: where its files go; must exist.
        width: of the screen in pixels.
        height: of the screen in pixels.
        environment: variables for the server.
        remove: folder that goes with the server, see `GuardedProcess`.

    Raises:
        NativeError: Xvfb is not installed or did not start; says what it printed.
    """

    def __init__(
        self, guard: Path, folder: Path, width: int, height: int, environment: Mapping[str, str], remove: Path
    ) -> None:
        program = shutil.which("Xvfb")
        if program is None:
            raise NativeError("Xvfb is missing; run: apt-get install xvfb")
        read, write = os.pipe()
        try:
            self.process = GuardedProcess(
                guard,
                [
                    program,
                    "-displayfd",
                    str(write),
                    "-screen",
                    "0",
                    f"{width}x{height}x24",
                    "-fbdir",
                    folder,
                    *_OPTIONS,
                ],
                environment,
                folder / "xvfb.log",
                folder,
                remove=remove,
                pass_fds=(write,),
            )
            os.close(write)
            write = -1
            self.name = f":{self._read_number(read)}"
        finally:
            os.close(read)
            if write >= 0:
                os.close(write)
        self.picture = folder / "Xvfb_screen0"

    def _read_number(self, read: int) -> int:
        text = b""
        while not text.endswith(b"\n"):
            ready, _, _ = select.select([read], [], [], _START_S)
            part = os.read(read, 32) if ready else b""
            if not part:
                words = self.process.last_words()
                self.process.stop()
                raise NativeError(f"Xvfb did not start: {' '.join(words.split()) or 'it said nothing'}")
            text += part
        return int(text)

    def server_pid(self) -> int:
        """Return the process id of the server itself."""
        return self.process.program_pid()

    def stop(self) -> None:
        """End the server and remove what was promised. May be called twice."""
        self.process.stop()


class MappedCapture:
    """Reads the framebuffer that Xvfb keeps in a file.

    Args:
        path: the file, an XWD dump that is always current.

    Raises:
        NativeError: not a picture of 32 bits a pixel.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        header = struct.unpack(f">{_HEADER_WORDS}I", self._map[: 4 * _HEADER_WORDS])
        if header[_BITS_PER_PIXEL] != _PIXEL_BITS:
            self._map.close()
            raise NativeError(f"expected a display of {_PIXEL_BITS} bits a pixel, got {header[_BITS_PER_PIXEL]}")
        width, height, row_bytes = header[_WIDTH], header[_HEIGHT], header[_ROW_BYTES]
        start = header[_HEADER_BYTES] + _COLOR_BYTES * header[_NUM_COLORS]
        rows = np.frombuffer(self._map, np.uint8, height * row_bytes, start).reshape(height, row_bytes)
        self._pixels = rows[:, : 4 * width].reshape(height, width, 4)

    def grab(self) -> Frame:
        """Return the current picture, (height, width, 3) uint8 RGB; the caller owns it."""
        import cv2

        height, width, _ = self._pixels.shape
        frame = np.empty((height, width, 3), np.uint8)
        rows = max(1, _BAND_PIXELS // width)
        for top in range(0, height, rows):  # 3 times as quick as a strided copy
            cv2.cvtColor(self._pixels[top : top + rows], cv2.COLOR_BGRA2RGB, dst=frame[top : top + rows])
        return frame

    def close(self) -> None:
        """Unmap the file. May be called twice."""
        if hasattr(self, "_pixels"):
            del self._pixels
            self._map.close()


class ServerCapture:
    """Asks the X server for its picture: slower, and works with servers that are not ours.

    Args:
        name: of the display, such as `:7`.
    """

    def __init__(self, name: str) -> None:
        self._connection = XConnection(name)

    def grab(self) -> Frame:
        """Return the current picture, (height, width, 3) uint8 RGB; the caller owns it."""
        return self._connection.screen()

    def close(self) -> None:
        """Close the connection. May be called twice."""
        self._connection.close()
