"""What recordings do to an overlay: boxes and shadows behind it, scaling, blended frame rates, compression."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain

import numpy as np

from ops.gamepad import Floats
from ops.skins.sampling import mix, spread
from ops.skins.template import Pixels

#: Presets of x264 that live recorders use.
PRESETS = ("veryfast", "superfast")
#: Keeps x264 from AVX-512, whose bytes differ from run to run on busy virtual machines. Measured: 5 of 25 clips
#: differed. With AVX2 none did, at the same speed, and its bytes are those that AVX-512 gives mostly.
SAME_BYTES = "asm=avx2"
#: Chroma-key colours: pure green, magenta and blue.
_KEY_COLOURS = ((0.0, 255.0, 0.0), (255.0, 0.0, 255.0), (0.0, 0.0, 255.0))
#: Of the boxes, the share that has any colour; the others have a key colour. Chosen by eye, as are the next five.
_ANY_COLOUR = 0.6
#: Opacity of a box.
_BOX_ALPHA = (0.4, 1.0)
#: Of the fringes, the share that is a black shadow.
_SHADOWS = 0.5
#: How far a shadow falls, in pixels to the right and down.
_SHADOW_PX = (0, 4)
#: Standard deviation of a fringe's softness in pixels.
_FRINGE_PX = (1, 4)
#: Opacity of a fringe.
_FRINGE_ALPHA = (0.3, 0.8)
#: Frame rate that a clip is encoded at; it changes nothing but time stamps, which nobody reads.
_FPS = 60


@dataclass(frozen=True)
class DegradationConfig:
    """How often each of it happens, as a share of the clips.

    Attributes:
        box: a box of one colour behind the overlay, as an unkeyed or half keyed browser source leaves it.
        fringe: a soft rim around what is drawn: a drop shadow, or what is left of a key colour.
        rescaled: drawn at another size and scaled by one of the usual filters.
        blended: every other frame is a mean of its neighbours, as players do who fill 60 Hz with 30.
        second_generation: compressed twice.
    """

    box: float = 0.1
    fringe: float = 0.15
    rescaled: float = 0.12
    blended: float = 0.06
    second_generation: float = 0.3


def lay_under(
    rng: np.random.Generator, frames: Sequence[Pixels], idle_alpha: Callable[[], Floats], config: DegradationConfig
) -> None:
    """Draw a box or a fringe, or nothing, into frames, each (h, w, 3) uint8, in place.

    Args:
        rng: decides everything.
        frames: to draw into.
        idle_alpha: gives the alpha (h, w) of the overlay that will be drawn above; called only if it is needed.
        config: how often.
    """
    import cv2

    kind = rng.random()
    if kind >= config.box + config.fringe:
        return
    alpha = idle_alpha()
    if kind < config.box:
        colour = rng.uniform(0, 255, 3) if rng.random() < _ANY_COLOUR else np.array(_KEY_COLOURS[int(rng.integers(3))])
        left, top, width, height = cv2.boundingRect((alpha > 0).astype(np.uint8))
        under = np.zeros_like(alpha)
        under[top : top + height, left : left + width] = 1
        under *= float(rng.uniform(*_BOX_ALPHA))
    else:
        shadow = rng.random() < _SHADOWS
        colour = np.zeros(3) if shadow else np.array(_KEY_COLOURS[int(rng.integers(3))])
        move = rng.uniform(*_SHADOW_PX, 2) if shadow else np.zeros(2)
        moved = cv2.warpAffine(alpha, np.array([[1, 0, move[0]], [0, 1, move[1]]]), alpha.shape[::-1])
        under = cv2.GaussianBlur(moved, (0, 0), float(rng.uniform(*_FRINGE_PX))) * float(rng.uniform(*_FRINGE_ALPHA))
    keep, light = spread(1 - under, 3), under[..., None] * colour.astype(np.float32)
    for frame in frames:
        mix(frame, keep, light)


def scaled(frames: Pixels, size: tuple[int, int], interpolation: int) -> Pixels:
    """Return frames (n, h, w, 3) at another (width, height)."""
    import cv2

    resized = np.empty((len(frames), size[1], size[0], 3), dtype=np.uint8)
    for frame, target in zip(frames, resized, strict=True):
        cv2.resize(frame, size, dst=target, interpolation=interpolation)
    return resized


def random_filter(rng: np.random.Generator, shrink: bool) -> int:
    """Return one of the filters that recorders and sites scale with, as OpenCV numbers them."""
    import cv2

    filters = [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_NEAREST]
    return int(rng.choice([*filters[:3], cv2.INTER_AREA] if shrink else filters))


def blend(frames: Pixels, buttons: Floats, sticks: Floats, triggers: Floats) -> None:
    """Make every other frame the mean of its neighbours, in place; buttons that differ between them are unknown."""
    for index in range(1, len(frames) - 1, 2):
        frames[index] = (frames[index - 1].astype(np.uint16) + frames[index + 1]) // 2
        buttons[index] = np.where(buttons[index - 1] == buttons[index + 1], buttons[index - 1], np.nan)
        for values in (sticks, triggers):
            values[index] = (values[index - 1] + values[index + 1]) / 2


def through_h264(frames: Pixels, crf: int, preset: str = PRESETS[0]) -> Pixels:
    """Return frames (n, height, width, 3) after H.264 with 4:2:0 chroma; sides must be even."""
    import av
    import cv2

    encoder = av.VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
    encoder.framerate, encoder.time_base = Fraction(_FPS), Fraction(1, _FPS)
    encoder.options = {"crf": str(crf), "preset": preset, "threads": "1", "x264-params": SAME_BYTES}
    decoder = av.VideoCodecContext.create("h264", "r")
    decoder.thread_count = 1
    packets = []
    for index, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), format="yuv420p")
        picture.pts = index
        packets += encoder.encode(picture)
    packets += encoder.encode(None)
    decoded = np.empty_like(frames)
    pictures = chain.from_iterable(decoder.decode(packet) for packet in [*packets, None])
    for picture, target in zip(pictures, decoded, strict=True):
        cv2.cvtColor(picture.to_ndarray(), cv2.COLOR_YUV2RGB_I420, dst=target)
    return decoded
