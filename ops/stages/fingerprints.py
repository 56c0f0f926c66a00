"""The stage `overlay/fingerprints`: a perceptual fingerprint of each video, by which a second upload is recognized."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from ops.crawl.duplicates import FILE, to_table
from ops.crawl.fingerprints import fingerprint_frames
from ops.outcomes import Outcome
from ops.store.batch import Work
from ops.store.layout import CROPS, FRAME_TABLE, GAME_CLIP
from ops.store.storage import sha256_file

#: Frames are scaled to this many pixels a side before their luma is summed. Chosen by eye: far above the grid's cells.
_SIDE_PX: Final = 64


def fingerprint_video(work: Work) -> tuple[Outcome, dict[str, str]]:
    """overlay/crops -> overlay/fingerprints, from the game view, whose overlay is painted out."""
    from ops.media.video import decode_frames, open_video

    pts_s = work.store.read_table(work.sibling(CROPS, FRAME_TABLE))["pts_s"].to_numpy()

    def frames() -> Iterator[tuple[float, npt.NDArray[np.uint8]]]:
        with work.store.reading(work.sibling(CROPS, GAME_CLIP)) as clip, open_video(clip) as video:
            for time_s, frame in zip(pts_s, decode_frames(video), strict=False):
                luma = frame.reformat(_SIDE_PX, _SIDE_PX, format="gray", interpolation="AREA", threads=1)
                yield float(time_s), luma.to_ndarray()

    found = fingerprint_frames(frames())
    work.store.write_table(work.key(FILE), to_table(found))
    with work.store.reading(work.key(FILE)) as path:
        return Outcome.ok(num_codes=len(found)), {FILE: sha256_file(path)}
