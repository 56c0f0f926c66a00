"""The capture of a Linux game: the display's picture at the size of frames."""

from __future__ import annotations

import numpy as np

from simulator.backends.linux.session import Session
from simulator.protocol import Frame


class LinuxCapture:
    """Reads what a session's game shows.

    Args:
        session: shared with the other parts.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.forget()

    def forget(self) -> None:
        """Show black, for a program that is about to start."""
        width, height = self._session.order.size
        self._frame: Frame = np.zeros((height, width, 3), np.uint8)

    def grab(self) -> Frame:
        """Return the current picture; once the program has ended, the last one before, the same array again."""
        running = self._session.running
        if running is not None and running.capture is not None and self._session.exit_code is None:
            self._frame = scaled(running.capture.grab(), self._session.order.size)
        return self._frame


def scaled(picture: Frame, size: tuple[int, int]) -> Frame:
    """Return a picture at a size (width, height), in pixels, each the mean of what it covers."""
    if picture.shape[1::-1] == size:
        return picture
    import cv2

    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
