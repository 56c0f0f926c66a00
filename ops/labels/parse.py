"""Read the pad's state off a gamepad clip: atlases of consecutive frames go to the predictor that is handed in.

The result is raw: each frame stands for itself, and sticks are displacement over nominal travel. `ops.labels.refine`
cleans it. Where a stick's cap can be told by its look, that look gives its place (`ops.labels.caps`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from ops.gamepad import STICKS, PadTrace
from ops.labels import atlas
from ops.labels.caps import cap_looks, follow_caps
from ops.labels.reading import PIECE_FRAMES, Predictor, PredictorFor, Reading, reading_to_trace
from ops.labels.thumbs import check_thumbs, cut_caps
from ops.overlay.crop import CropSpan
from ops.skins.template import Pixels, Template

#: Changes when the same clip would be read otherwise.
VERSION: Final = "8"

#: Frames whose median is a video's usual look. Not measured; more cost memory.
_USUAL_FRAMES: Final = 64
#: Of them, the share that is taken to show a stick at rest. Chosen by eye.
_ALIKE_SHARE: Final = 0.35
#: The same as a number of frames: no fewer are taken. Chosen by eye.
_LEAST_ALIKE: Final = 8
#: Frames of a clip from which the look of its sticks' caps is learnt.
_SAMPLED_FRAMES: Final = 400


@dataclass(frozen=True)
class _Atlases:
    """The control atlases of frames [start, stop) of a clip; each pass over them decodes the clip again."""

    clip: Path
    start: int
    stop: int | None
    cut: Callable[[Pixels], Pixels]

    def every(self, stride: int) -> Iterator[Pixels]:
        """Yield the atlas (H, W, 3) of every `stride`-th frame."""
        from ops.media.readers import iter_frames

        return (self.cut(frame) for _, frame in islice(iter_frames(self.clip), self.start, self.stop, stride))


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
        pts_s: (num_frames,) time of each frame of the clip, in seconds.
        template: with the places of its controls; those it does not have are unknown.
        affine: (2, 3) template pixels to pixels of the clip.
        predict: the parser.
        start: first frame that shows the overlay there.
        stop: first frame after; None for the clip's end.

    Raises:
        ValueError: clip and times differ in length.
    """
    times = pts_s[start:stop]
    frames = _Atlases(clip, start, stop, atlas.AtlasMap.build(template.controls, template.width, affine).cut)
    usual = _usual_look(frames, len(times), atlas.template_atlas(template))
    stride = max(1, len(times) // _SAMPLED_FRAMES)
    reading, caps, sampled = _predict_all(frames, reference_atlas(template, usual), predict, stride)
    if len(reading.pressed) != len(times):
        raise ValueError(
            f"{clip.name} has {start + len(reading.pressed)} frames, its table {len(pts_s)}: run the crop pass again"
        )
    check_thumbs(reading, caps, template)
    looks = cap_looks(sampled, reading.places[::stride], usual, template)
    if looks:
        follow_caps(frames.every(1), looks, reading, template)
    return reading_to_trace(reading, template, times)


def read_spans(
    clip: Path,
    pts_s: npt.NDArray[np.float64],
    spans: Sequence[CropSpan],
    templates: Mapping[str, Template],
    predictor_for: PredictorFor,
    damaged: Sequence[tuple[int, int]] = (),
) -> PadTrace:
    """Return the raw trace of a gamepad clip, one row per frame.

    Frames outside of all spans are unknown, and so are damaged ones: what a decoder fills in looks like a pad, too.

    Args:
        clip: `gamepad.mp4` of the crop pass.
        pts_s: (num_frames,) time of each of its frames, in seconds.
        spans: where the overlay is in it, and when.
        templates: by id.
        predictor_for: gives the parser for a template.
        damaged: half-open spans (start, stop) of frames, from the crop pass.

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
    for start, stop in damaged:
        trace[slice(start, stop)] = PadTrace.unknown(pts_s[start:stop])
    return trace


def reference_atlas(template: Template, usual: Pixels) -> Pixels:
    """Return (H, W, 7) uint8: the template's idle look (RGBA) and the video's usual look (H, W, 3), as atlases."""
    return np.asarray(np.concatenate([atlas.template_atlas(template), usual], axis=-1), dtype=np.uint8)


def _usual_look(frames: _Atlases, num_frames: int, idle: Pixels) -> Pixels:
    """Return the temporal median of a clip's atlases; of a stick, the median of the frames that are most like idle.

    So a stick that is held most of the time is still seen at rest. Buttons are not treated so: there the choice would
    follow the background more than the button.
    """
    atlases = np.stack(list(frames.every(max(1, num_frames // _USUAL_FRAMES))))
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


def _predict_all(
    frames: _Atlases, reference: Pixels, predict: Predictor, stride: int
) -> tuple[Reading, Pixels, Pixels]:
    """Return the reading of all frames, each stick's cap as it looks there, and the atlas of every `stride`-th frame.

    Returns:
        The reading of n frames, caps as of `cut_caps`, and atlases (n / stride, H, W, 3).
    """
    parts: list[Reading] = []
    caps: list[Pixels] = []
    sampled: list[Pixels] = []
    first = 0
    for pairs in _pair_pieces(frames.every(1)):
        parts.append(_predict_piece(pairs, reference, predict))
        caps.append(cut_caps(pairs[:, 1], parts[-1].places))
        sampled.append(pairs[-first % stride :: stride, 1].copy())
        first += len(pairs)
    return Reading.join(parts), np.concatenate(caps), np.concatenate(sampled)


def _pair_pieces(atlases: Iterator[Pixels]) -> Iterator[Pixels]:
    """Yield pairs (n, 2, H, W, 3) of consecutive atlases (H, W, 3); the first is paired with itself."""
    previous: Pixels | None = None
    while piece := list(islice(atlases, PIECE_FRAMES)):
        before = [piece[0] if previous is None else previous, *piece[:-1]]
        previous = piece[-1]
        yield np.stack([np.stack(before), np.stack(piece)], axis=1)


def _predict_piece(pairs: Pixels, reference: Pixels, predict: Predictor) -> Reading:
    """Return the reading of a piece; pairs equal to the one before them are not read again."""
    fresh = np.ones(len(pairs), dtype=bool)
    for row in range(1, len(pairs)):
        fresh[row] = not np.array_equal(pairs[row], pairs[row - 1])
    reading = predict(pairs[fresh], reference)
    rows = np.cumsum(fresh) - 1
    return Reading(reading.pressed[rows], reading.places[rows], reading.certainty[rows])
