"""Whether thumb buttons are down, judged by the look of the stick's cap over the whole video.

Skins show a pressed thumb button by the cap itself or by a sign beside it. The two need different care: a cap looks
different when it has moved, and a sign beside it is touched by a cap that moves.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from ops.gamepad import DATASET_BUTTONS, STICKS, Floats
from ops.labels import atlas
from ops.labels.reading import Reading
from ops.skins.template import Pixels, Template

#: The thumb button of each stick, in the order of `STICKS`.
_THUMBS: Final = ("left_thumb", "right_thumb")

#: Side of the piece of a stick's cap that is compared, in atlas pixels.
_CAP_PX: Final = 10
#: Frames, at most about twice as many, whose median is a cap's usual look. Not measured.
_USUAL_FRAMES: Final = 512
#: A press makes a cap differ from its usual look by at least this share of full scale. Chosen on two clips.
_CAP_LEAST: Final = 0.05
#: The same in spreads (median absolute deviations) of a cap's difference over the video. Chosen on the same clips.
_CAP_SPREADS: Final = 6.0
#: Width of the step from "up" to "down" around that limit, as a share of it. Chosen by eye.
_CAP_SOFTNESS: Final = 0.1

#: A thumb button is drawn on the cap if their centres differ by less than this share of the cap's half-size,
_SAME_CENTRE: Final = 0.3
#: and if it is not larger than the cap by this factor. Both chosen by eye on the skins of `ops.skins`.
_SAME_SIZE: Final = 1.4

#: Percentile of a video's probabilities up to which a thumb button is taken to be up. Chosen by eye.
_USUALLY_UP: Final = 95
#: Percentile that is taken for the most that the video shows. Chosen by eye.
_MOST: Final = 99.5
#: From this share of the most on, the usual is a press as well: the button is held often. Chosen by eye.
_HELD_OFTEN: Final = 0.9


def cut_caps(atlases: Pixels, places: Floats) -> Pixels:
    """Return each stick's cap where it is now.

    Args:
        atlases: (n, H, W, 3) uint8 control atlases.
        places: (n, 2, 2) x, y of each stick's cap, in half-sizes of its window.

    Returns:
        (n, 2, S, S, 3) uint8, S being 10 pixels.
    """
    import cv2

    caps = np.empty((len(atlases), len(STICKS), _CAP_PX, _CAP_PX, 3), dtype=np.uint8)
    for index, stick in enumerate(STICKS):
        centres = (places[:, index] + 1) * (atlas.STICK_PX / 2) - 0.5  # pixel edges to OpenCV's centres
        for row, centre in enumerate(centres):
            window = np.ascontiguousarray(atlas.stick_windows(atlases[row], stick))
            caps[row, index] = cv2.getRectSubPix(window, (_CAP_PX, _CAP_PX), centre.tolist())
    return caps


def check_thumbs(reading: Reading, caps: Pixels, template: Template) -> None:
    """Lower, in place, the probability of thumb buttons that look as they usually do.

    A cap that has moved differs from the idle look wherever it went, pressed or not. Against its own usual look,
    followed over the video, only a press stands out.

    Args:
        reading: of n frames.
        caps: of `cut_caps`, of the same frames.
        template: tells how a thumb button is drawn.
    """
    for index, (stick, thumb) in enumerate(zip(STICKS, _THUMBS, strict=True)):
        channel = DATASET_BUTTONS.index(thumb)
        pressed = reading.pressed[:, channel]
        if _is_on_cap(stick, thumb, template):
            reading.pressed[:, channel] = np.minimum(pressed, _unusual(caps[:, index]))
        else:
            reading.pressed[:, channel] = above_usual(pressed)


def above_usual(pressed: Floats) -> Floats:
    """Return probabilities (n,) with even odds moved between what is usual while a stick moves and the video's most.

    A stick that moves beside its ring looks a little like a pressed one, to the same degree all through a video. Where
    even the usual is near the most, the button is held often, and nothing is moved.
    """
    from scipy.special import expit, logit  # here: it takes half a second to load

    usual, most = np.percentile(pressed, (_USUALLY_UP, _MOST)).tolist()
    bar = (usual + most) / 2
    if usual > _HELD_OFTEN * most or bar <= 0.5:
        return pressed
    return np.asarray(expit(logit(pressed.astype(np.float64)) - logit(bar)), dtype=np.float32)


def _unusual(caps: Pixels) -> Floats:
    """Return (n,) how likely each cap (n, S, S, 3) differs from the usual one by more than moving explains."""
    from scipy.special import expit

    looks = caps.astype(np.float32)
    usual = np.median(looks[:: max(1, len(looks) // _USUAL_FRAMES)], axis=0)
    distance = np.abs(looks - usual).mean(axis=(1, 2, 3)) / 255
    middle = float(np.median(distance))
    spread = float(np.median(np.abs(distance - middle)))
    limit = max(middle + _CAP_SPREADS * spread, _CAP_LEAST)
    return np.asarray(expit((distance - limit) / (_CAP_SOFTNESS * limit)))


def _is_on_cap(stick: str, thumb: str, template: Template) -> bool:
    """Return whether a template shows a pressed thumb button by its stick's cap, not by a ring or a sign beside it."""
    areas = template.controls
    if stick not in areas or thumb not in areas:
        return False
    cap, press = areas[stick], areas[thumb]
    offset = max(abs(press.cx - cap.cx) / cap.half_width, abs(press.cy - cap.cy) / cap.half_height)
    return offset < _SAME_CENTRE and press.half_width < _SAME_SIZE * cap.half_width
