"""How a sprite becomes the pixels of another grid, and pixels are laid over others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ops.gamepad import Floats
from ops.skins.template import Pixels

#: From this scale on bilinear sampling does not alias visibly. Chosen by eye.
_SHRINKS_BELOW = 0.9
#: Standard deviation of the blur before shrinking, in pixels of the result. Chosen by eye.
_SHRINK_BLUR_PX = 0.4


def antialiased(rgba: Floats, scale: float) -> Floats:
    """Return a sprite low-passed for being shrunk by `scale`, so that bilinear sampling does not alias."""
    import cv2

    if scale >= _SHRINKS_BELOW:
        return rgba
    return np.asarray(
        cv2.GaussianBlur(rgba, (0, 0), _SHRINK_BLUR_PX / scale, borderType=cv2.BORDER_CONSTANT), dtype=np.float32
    )


def leaning(axes: Floats, tilt_deg: float) -> npt.NDArray[np.float64]:
    """Return (2, 2): a flat cap that leans `tilt_deg` at full deflection, seen from the front without perspective."""
    turn_x, turn_y = np.radians(-tilt_deg * axes[1]), np.radians(tilt_deg * axes[0])
    return np.array([[np.cos(turn_y), 0], [np.sin(turn_x) * np.sin(turn_y), np.cos(turn_x)]])


def spread(plane: Floats, num_channels: int) -> Floats:
    """Return a plane (h, w) in each of some channels, (h, w, channels): broadcasting along the last axis is slow."""
    import cv2

    return np.asarray(cv2.merge([plane] * num_channels), dtype=np.float32)


def mix(frame: Pixels, keep: Floats, light: Floats) -> None:
    """Make a picture uint8 `frame * keep + light`, both float32 of its shape, in place, rounded, at most 255."""
    import cv2

    mixed = frame.astype(np.float32)
    mixed *= keep
    frame[:] = cv2.add(mixed, light, dtype=cv2.CV_8U)
