"""Read the pad's state off a gamepad clip: atlases of consecutive frames go through the predictor that is handed in.

What comes out is raw: each frame on its own, sticks as displacement over nominal travel. `ops.refine` cleans it up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ops import atlas
from ops.gamepad import CONTROLS, DATASET_BUTTONS, STICKS, Floats, PadTrace
from ops.skins.template import Pixels, Template

VERSION = "3"


@dataclass(frozen=True)
class Reading:
    """What a predictor says of n frames.

    Attributes:
        pressed: (n, 17) probability that each button is down, `DATASET` layout.
        places: (n, 2, 2) x, y of each stick's cap in half-sizes of its window.
        certainty: (n, 2) in [0, 1], how sure the place is.
    """

    pressed: Floats
    places: Floats
    certainty: Floats


#: Reads pairs (n, 2, H, W, 3) uint8 of control atlases, given the reference atlas (H, W, 7) of `reference_atlas`.
Predictor = Callable[[Pixels, Pixels], Reading]

_PIECE_FRAMES = 256
#: Frames whose median is a video's usual look.
_USUAL_FRAMES = 64
#: Side of the piece of a stick's cap whose look tells whether its thumb button is down.
_CAP_PX = 10
#: A press makes a cap differ from its usual look by at least this much of full scale, and by this many spreads.
_CAP_LEAST, _CAP_SPREADS = 0.05, 6.0


def read_clip(
    clip: Path, pts_s: npt.NDArray[np.float64], template: Template, affine: npt.NDArray[np.float64], predict: Predictor
) -> PadTrace:
    """Return the raw trace of a gamepad clip, one row per frame.

    Args:
        clip: `gamepad.mp4` of the crop pass.
        pts_s: time of each of its frames.
        template: with the places of its controls; those it does not have are unknown.
        affine: (2, 3) template pixels to pixels of the clip.
        predict: the parser.

    Raises:
        ValueError: clip and times differ in length.
    """
    cut = atlas.AtlasMap.build(template.controls, template.width, affine).cut
    reference = reference_atlas(template, _usual_look(clip, len(pts_s), cut))
    parts, caps = [], []
    for piece in _pair_pieces(clip, cut):
        parts.append(_read_piece(piece, reference, predict))
        caps.append(_cut_caps(piece[:, 1], parts[-1].places))
    reading = Reading(
        np.concatenate([part.pressed for part in parts]),
        np.concatenate([part.places for part in parts]),
        np.concatenate([part.certainty for part in parts]),
    )
    _check_thumbs(reading, np.concatenate(caps))
    if len(reading.pressed) != len(pts_s):
        raise ValueError(
            f"{clip.name} has {len(reading.pressed)} frames, its table {len(pts_s)}: run the crop pass again"
        )
    return reading_to_trace(reading, template, pts_s)


def reference_atlas(template: Template, usual: Pixels) -> Pixels:
    """Return (H, W, 7) uint8: the template's idle look (RGBA) and the video's usual look (H, W, 3), as atlases."""
    return np.asarray(np.concatenate([atlas.template_atlas(template), usual], axis=-1), dtype=np.uint8)


def _usual_look(clip: Path, num_frames: int, cut: Callable[[Pixels], Pixels]) -> Pixels:
    """Return the temporal median of a clip's atlases over frames spread over it."""
    from ops.video import iter_frames

    stride = max(1, num_frames // _USUAL_FRAMES)
    atlases = [cut(frame) for index, (_, frame) in enumerate(iter_frames(clip)) if index % stride == 0]
    return np.asarray(np.median(np.stack(atlases), axis=0), dtype=np.uint8)


def _pair_pieces(clip: Path, cut: Callable[[Pixels], Pixels]) -> Iterator[Pixels]:
    """Yield pairs (n, 2, H, W, 3) of consecutive atlases; the first frame is paired with itself."""
    from ops.video import iter_frames

    previous: Pixels | None = None
    pairs: list[Pixels] = []
    for _, frame in iter_frames(clip):
        current = cut(frame)
        pairs.append(np.stack([current if previous is None else previous, current]))
        previous = current
        if len(pairs) == _PIECE_FRAMES:
            yield np.stack(pairs)
            pairs = []
    if pairs:
        yield np.stack(pairs)


def _read_piece(pairs: Pixels, reference: Pixels, predict: Predictor) -> Reading:
    """Return the reading of a piece; pairs equal to the one before them are not read again."""
    fresh = np.ones(len(pairs), dtype=bool)
    for row in range(1, len(pairs)):
        fresh[row] = not np.array_equal(pairs[row], pairs[row - 1])
    reading = predict(pairs[fresh], reference)
    rows = np.cumsum(fresh) - 1
    return Reading(reading.pressed[rows], reading.places[rows], reading.certainty[rows])


def _cut_caps(atlases: Pixels, places: Floats) -> Pixels:
    """Return each stick's cap where it is now: (n, 2, _CAP_PX, _CAP_PX, 3) of atlases (n, H, W, 3)."""
    import cv2

    caps = np.empty((len(atlases), len(STICKS), _CAP_PX, _CAP_PX, 3), dtype=np.uint8)
    for index, stick in enumerate(STICKS):
        left, top, side = atlas.cell(stick)
        centres = (places[:, index] + 1) * (side / 2) - 0.5
        for row, centre in enumerate(centres):
            window = np.ascontiguousarray(atlases[row, top : top + side, left : left + side])
            caps[row, index] = cv2.getRectSubPix(window, (_CAP_PX, _CAP_PX), centre.tolist())
    return caps


def _check_thumbs(reading: Reading, caps: Pixels) -> None:
    """Lower, in place, the probability of thumb buttons whose cap looks as it usually does.

    A cap that has moved differs from the idle look wherever it went, pressed or not; against its own usual look,
    followed over the video, only a press stands out.
    """
    for index, thumb in enumerate(("left_thumb", "right_thumb")):
        looks = caps[:, index].astype(np.float32)
        step = max(1, len(looks) // 512)
        usual = np.median(looks[::step], axis=0)
        distance = np.abs(looks - usual).mean(axis=(1, 2, 3)) / 255
        middle = float(np.median(distance))
        spread = float(np.median(np.abs(distance - middle)))
        limit = max(middle + _CAP_SPREADS * spread, _CAP_LEAST)
        unusual = 1 / (1 + np.exp(-(distance - limit) / (0.1 * limit)))
        channel = DATASET_BUTTONS.index(thumb)
        reading.pressed[:, channel] = np.minimum(reading.pressed[:, channel], unusual)


def _is_readable(control: str, template: Template) -> bool:
    """Whether a template draws a control where the network looks for it: a thumb button at its stick's cap only."""
    areas = template.controls
    if control not in areas or not control.endswith("_thumb"):
        return control in areas
    stick = control.replace("thumb", "stick")
    if stick not in areas:
        return False
    reach = atlas.window(stick, areas[stick], template.width)[0]
    return max(abs(areas[control].cx - areas[stick].cx), abs(areas[control].cy - areas[stick].cy)) < reach


def reading_to_trace(reading: Reading, template: Template, pts_s: npt.NDArray[np.float64]) -> PadTrace:
    """Return a reading as a trace: sticks over nominal travel (not clipped), NaN for what the template does not draw.

    A thumb button that is drawn as a sign of its own, away from its stick, is unknown too: it is read off the cap.

    A button's confidence is the probability of the state that was read (.5 to 1), a stick's its certainty.
    """
    drawn = np.array([_is_readable(control, template) for control in CONTROLS])
    buttons = (reading.pressed > 0.5).astype(np.float32)
    reach = atlas.stick_reach(template.controls, template.width)
    sticks = (reading.places / reach[:, None]).reshape(-1, 2 * len(STICKS)).astype(np.float32)
    confidence = np.concatenate([np.maximum(reading.pressed, 1 - reading.pressed), reading.certainty], axis=1)
    num_buttons = len(DATASET_BUTTONS)
    buttons[:, ~drawn[:num_buttons]] = np.nan
    sticks[:, np.repeat(~drawn[num_buttons:], 2)] = np.nan
    confidence = np.where(drawn, confidence, 0).astype(np.float32)
    return PadTrace(pts_s, buttons, sticks, confidence)
