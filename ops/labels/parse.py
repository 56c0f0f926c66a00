"""Read the pad's state off a gamepad clip: atlases of consecutive frames go through the predictor that is handed in.

What comes out is raw: each frame on its own, sticks as displacement over nominal travel. `ops.labels.refine` cleans it
up.
Where a stick's cap can be told by its look, its place comes from that (`ops.labels.caps`), guided by the predictor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ops.gamepad import CONTROLS, DATASET_BUTTONS, STICKS, Floats, PadTrace
from ops.labels import atlas
from ops.labels.caps import CapLook, fit_look, follow
from ops.overlay.crop import CropSpan
from ops.skins.template import Pixels, Template

VERSION = "7"


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

#: Gives the predictor for overlays of a template.
PredictorFor = Callable[[Template], Predictor]

_PIECE_FRAMES = 256
#: Frames whose median is a video's usual look.
_USUAL_FRAMES = 64
#: Of them, the share and the least number that show a stick at rest.
_ALIKE_SHARE, _LEAST_ALIKE = 0.35, 8
#: Frames of a clip that show what its sticks' caps look like; as many of them are taken by time, and of the rest
#: those in which the stick is farthest from where it usually is.
_SAMPLED_FRAMES, _BY_TIME, _FARTHEST = 400, 130, 70
#: Side of the piece of a stick's cap whose look tells whether its thumb button is down.
_CAP_PX = 10
#: A press makes a cap differ from its usual look by at least this much of full scale, and by this many spreads.
_CAP_LEAST, _CAP_SPREADS = 0.05, 6.0
#: What a thumb button changes is its stick's cap if their centres differ by less than this share of the cap's
#: half-size, and if it is not larger than by this factor.
_SAME_CENTRE, _SAME_SIZE = 0.3, 1.4
#: Percentiles of the frames up to which a thumb button is taken to be up, and that are taken for the most; and the
#: share of the most at which the first one is taken to be down as well.
_USUALLY_UP, _MOST, _HELD_OFTEN = 95, 99.5, 0.9


def read_clip(
    clip: Path,
    pts_s: npt.NDArray[np.float64],
    template: Template,
    affine: npt.NDArray[np.float64],
    predict: Predictor,
    start: int = 0,
    stop: int | None = None,
) -> PadTrace:
    """Return the raw trace of frames [start, stop) of a gamepad clip, one row per frame.

    Args:
        clip: `gamepad.mp4` of the crop pass.
        pts_s: time of each frame of the clip.
        template: with the places of its controls; those it does not have are unknown.
        affine: (2, 3) template pixels to pixels of the clip.
        predict: the parser.
        start: first frame that shows the overlay there.
        stop: first frame after; None for the clip's end.

    Raises:
        ValueError: clip and times differ in length.
    """
    from ops.media.video import iter_frames

    times = pts_s[start:stop]
    cut = atlas.AtlasMap.build(template.controls, template.width, affine).cut
    usual = _usual_look(clip, start, start + len(times), cut, atlas.template_atlas(template))
    reference = reference_atlas(template, usual)
    stride = max(1, len(times) // _SAMPLED_FRAMES)
    parts: list[Reading] = []
    caps, sampled, first = [], [], 0
    for piece in _pair_pieces(clip, start, stop, cut):
        parts.append(_read_piece(piece, reference, predict))
        caps.append(_cut_caps(piece[:, 1], parts[-1].places))
        sampled.append(piece[-first % stride :: stride, 1].copy())
        first += len(piece)
    reading = Reading(
        np.concatenate([part.pressed for part in parts]),
        np.concatenate([part.places for part in parts]),
        np.concatenate([part.certainty for part in parts]),
    )
    _check_thumbs(reading, np.concatenate(caps), template)
    if len(reading.pressed) != len(times):
        raise ValueError(
            f"{clip.name} has {start + len(reading.pressed)} frames, its table {len(pts_s)}: run the crop pass again"
        )
    looks = _cap_looks(np.concatenate(sampled), reading.places[::stride], usual, template)
    if looks:
        frames = (cut(frame) for _, frame in islice(iter_frames(clip), start, stop))
        _follow_caps(frames, looks, reading, template)
    return reading_to_trace(reading, template, times)


def read_spans(
    clip: Path,
    pts_s: npt.NDArray[np.float64],
    spans: Sequence[CropSpan],
    templates: Mapping[str, Template],
    predictor_for: PredictorFor,
) -> PadTrace:
    """Return the raw trace of a gamepad clip, one row per frame; frames outside of all spans are unknown.

    Args:
        clip: `gamepad.mp4` of the crop pass.
        pts_s: time of each of its frames.
        spans: where the overlay is in it, and when.
        templates: by id.
        predictor_for: the parser.

    Raises:
        ValueError: clip and times differ in length.
    """
    trace = PadTrace.unknown(pts_s)
    for span in spans:
        stop = span.stop if span.stop < len(pts_s) else None
        template, affine = templates[span.template_id], np.array(span.affine)
        trace[slice(span.start, stop)] = read_clip(
            clip, pts_s, template, affine, predictor_for(template), span.start, stop
        )
    return trace


def reference_atlas(template: Template, usual: Pixels) -> Pixels:
    """Return (H, W, 7) uint8: the template's idle look (RGBA) and the video's usual look (H, W, 3), as atlases."""
    return np.asarray(np.concatenate([atlas.template_atlas(template), usual], axis=-1), dtype=np.uint8)


def _usual_look(clip: Path, start: int, stop: int, cut: Callable[[Pixels], Pixels], idle: Pixels) -> Pixels:
    """Return the temporal median of a clip's atlases; of a stick, the median of the frames that are most like idle.

    A stick that is mostly held is then seen at rest. For buttons that choice follows the background more than the
    button.
    """
    from ops.media.video import iter_frames

    stride = max(1, (stop - start) // _USUAL_FRAMES)
    atlases = np.stack([cut(frame) for _, frame in islice(iter_frames(clip), start, stop, stride)])
    usual = np.asarray(np.median(atlases, axis=0), dtype=np.uint8)
    num_alike = max(_LEAST_ALIKE, round(_ALIKE_SHARE * len(atlases)))
    for stick in STICKS:
        left, top, side = atlas.cell(stick)
        place = (slice(top, top + side), slice(left, left + side))
        cells = atlases[(slice(None), *place)]
        distance = np.abs(cells.astype(np.int16) - idle[place][..., :3]).mean(axis=(1, 2, 3))
        alike = np.argsort(distance, kind="stable")[:num_alike]
        usual[place] = np.median(cells[alike], axis=0)
    return usual


def _pair_pieces(clip: Path, start: int, stop: int | None, cut: Callable[[Pixels], Pixels]) -> Iterator[Pixels]:
    """Yield pairs (n, 2, H, W, 3) of consecutive atlases of frames [start, stop); the first is paired with itself."""
    from ops.media.video import iter_frames

    previous: Pixels | None = None
    pairs: list[Pixels] = []
    for _, frame in islice(iter_frames(clip), start, stop):
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
        centres = (places[:, index] + 1) * (atlas.STICK_PX / 2) - 0.5
        for row, centre in enumerate(centres):
            window = np.ascontiguousarray(_window(atlases[row], stick))
            caps[row, index] = cv2.getRectSubPix(window, (_CAP_PX, _CAP_PX), centre.tolist())
    return caps


def _cap_looks(atlases: Pixels, places: Floats, usual: Pixels, template: Template) -> dict[str, CapLook]:
    """Return the looks of the caps that can be followed, from atlases (n, H, W, 3) and the places read there."""
    looks = {}
    for index, stick in enumerate(STICKS):
        if stick not in template.controls:
            continue
        half_px = atlas.STICK_PX / 2
        rough = places[:, index].astype(np.float64) * half_px
        far = np.hypot(*(rough - np.median(rough, axis=0)).T)
        by_time = np.arange(0, len(rough), max(1, len(rough) // _BY_TIME))
        rows = np.union1d(by_time, np.argsort(-far, kind="stable")[:_FARTHEST])
        radius, travel = _cap_px(stick, template)
        look = fit_look(_window(atlases[rows], stick), rough[rows], _window(usual, stick), radius, travel)
        if look is not None:
            looks[stick] = look
    return looks


def _follow_caps(frames: Iterator[Pixels], looks: Mapping[str, CapLook], reading: Reading, template: Template) -> None:
    """Put the places of caps that are followed by their looks into a reading of the same atlases, in place."""
    first = 0
    while len(atlases := list(islice(frames, _PIECE_FRAMES))):
        rows = slice(first, first + len(atlases))
        for stick, look in looks.items():
            index, half_px = STICKS.index(stick), atlas.STICK_PX / 2
            windows = np.stack([_window(picture, stick) for picture in atlases])
            rough = reading.places[rows, index].astype(np.float64) * half_px
            places, sure = follow(look, windows, rough, _cap_px(stick, template)[1])
            reading.places[rows, index] = places / half_px
            reading.certainty[rows, index] = sure
        first += len(atlases)


def _cap_px(stick: str, template: Template) -> tuple[float, float]:
    """Return radius and travel of a stick's cap in pixels of its atlas cell."""
    area = template.controls[stick]
    scale = atlas.STICK_PX / 2 / atlas.window(stick, area, template.width)[0]
    return max(area.half_width, area.half_height) * scale, atlas.stick_travel(area) * scale


def _window(atlases: Pixels, stick: str) -> Pixels:
    """Return a stick's windows (..., S, S, 3) of atlases (..., H, W, 3)."""
    left, top, side = atlas.cell(stick)
    return atlases[..., top : top + side, left : left + side, :]


def _check_thumbs(reading: Reading, caps: Pixels, template: Template) -> None:
    """Lower, in place, the probability of thumb buttons that look as they usually do.

    A cap that has moved differs from the idle look wherever it went, pressed or not; against its own usual look,
    followed over the video, only a press stands out.
    """
    for index, (stick, thumb) in enumerate(zip(STICKS, ("left_thumb", "right_thumb"), strict=True)):
        channel = DATASET_BUTTONS.index(thumb)
        if not _is_on_cap(stick, thumb, template):
            reading.pressed[:, channel] = _above_usual(reading.pressed[:, channel])
            continue
        looks = caps[:, index].astype(np.float32)
        step = max(1, len(looks) // 512)
        usual = np.median(looks[::step], axis=0)
        distance = np.abs(looks - usual).mean(axis=(1, 2, 3)) / 255
        middle = float(np.median(distance))
        spread = float(np.median(np.abs(distance - middle)))
        limit = max(middle + _CAP_SPREADS * spread, _CAP_LEAST)
        unusual = 1 / (1 + np.exp(-(distance - limit) / (0.1 * limit)))
        reading.pressed[:, channel] = np.minimum(reading.pressed[:, channel], unusual)


def _above_usual(pressed: Floats) -> Floats:
    """Return probabilities with even odds moved to between what is usual while a stick moves and the video's most.

    A stick that moves beside its ring looks a little like a pressed one, to the same degree all through a video. Where
    even the usual is near the most, the button is held often, and nothing is moved.
    """
    usual, most = np.percentile(pressed, (_USUALLY_UP, _MOST)).tolist()
    bar = (usual + most) / 2
    if usual > _HELD_OFTEN * most or bar <= 0.5:
        return pressed
    odds = pressed / np.maximum(1 - pressed, 1e-6) * (1 - bar) / bar
    return np.asarray(odds / (1 + odds), dtype=np.float32)


def _is_on_cap(stick: str, thumb: str, template: Template) -> bool:
    """Whether a template shows a pressed thumb button by its stick's cap, not by a ring beside it or another sign."""
    areas = template.controls
    if stick not in areas or thumb not in areas:
        return False
    cap, press = areas[stick], areas[thumb]
    offset = max(abs(press.cx - cap.cx) / cap.half_width, abs(press.cy - cap.cy) / cap.half_height)
    return offset < _SAME_CENTRE and press.half_width < _SAME_SIZE * cap.half_width


def reading_to_trace(reading: Reading, template: Template, pts_s: npt.NDArray[np.float64]) -> PadTrace:
    """Return a reading as a trace: sticks over nominal travel (not clipped), NaN for what the template does not draw.

    A button's confidence is the probability of the state that was read (.5 to 1), a stick's its certainty.
    """
    drawn = np.array([control in template.controls for control in CONTROLS])
    buttons = (reading.pressed > 0.5).astype(np.float32)
    reach = atlas.stick_reach(template.controls, template.width)
    sticks = (reading.places / reach[:, None]).reshape(-1, 2 * len(STICKS)).astype(np.float32)
    confidence = np.concatenate([np.maximum(reading.pressed, 1 - reading.pressed), reading.certainty], axis=1)
    num_buttons = len(DATASET_BUTTONS)
    buttons[:, ~drawn[:num_buttons]] = np.nan
    sticks[:, np.repeat(~drawn[num_buttons:], 2)] = np.nan
    confidence = np.where(drawn, confidence, 0).astype(np.float32)
    return PadTrace(pts_s, buttons, sticks, confidence)
