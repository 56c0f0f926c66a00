"""Read frames with decord, behind the same protocol as the default reader of `ops.media.readers`.

decord is slower than PyAV, has no AV1, has not been maintained since 2021 and is known to hang. So it is for those who
ask for it, and always inside `ops.media.sandbox.call`. It opens files by itself; what `ops.media.video.open_video`
refuses is refused here first.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ops.media.video import Frame, decode_frames, open_video, scaled_size
from ops.outcomes import BadInputError


class DecordReader:
    """A `FrameReader` on decord with one thread (with more, it fails on some VP9)."""

    def iterate(self, path: Path, max_height: int | None) -> Iterator[Frame]:
        """Yield all frames in order."""
        reader = _open(path, max_height)
        for index in range(len(reader)):
            yield _read(reader, index)

    def sample(self, path: Path, count: int, max_height: int | None) -> list[Frame]:
        """Return frames spread over the video, from keyframes where there are enough."""
        reader = _open(path, max_height)
        wanted = [int((k + 0.5) * len(reader) / count) for k in range(count)]
        keyframes = np.asarray(reader.get_key_indices())
        before = np.maximum(np.searchsorted(keyframes, wanted, side="right") - 1, 0)
        near = sorted({int(index) for index in keyframes[before]})
        return [_read(reader, index) for index in (near if len(near) * 2 >= count else sorted(set(wanted)))]


@cache
def _keep_png_readable() -> None:
    """Have OpenCV read one PNG before decord is loaded: it would else bind to decord's zlib and read none any more."""
    import cv2
    import numpy as np

    cv2.imdecode(cv2.imencode(".png", np.zeros((2, 2, 4), np.uint8))[1], cv2.IMREAD_UNCHANGED)


def _open(path: Path, max_height: int | None) -> Any:
    try:
        _keep_png_readable()
        import decord
    except ImportError as error:
        raise ImportError("the reader 'decord' is not installed; install decord, or use the reader 'pyav'") from error
    with open_video(path) as video:
        if video.format_name not in ("mov", "matroska"):  # seen to give other frames than asked for in MPEG-TS
            raise BadInputError(f"unsupported: decord reads MP4 and Matroska here, got {video.format_name}")
        if video.stream.codec_context.codec.canonical_name == "av1":
            raise BadInputError("unsupported: decord has no decoder for AV1; use the reader 'pyav'")
        if video.rotation:
            raise BadInputError("unsupported: decord does not turn rotated pictures right; use the reader 'pyav'")
        next(decode_frames(video))  # what cannot be decoded at all is refused here
        width, height = scaled_size(*video.size, max_height)
    try:
        return decord.VideoReader(str(path.absolute()), ctx=decord.cpu(0), width=width, height=height, num_threads=1)
    except (decord.DECORDError, RuntimeError) as error:
        raise BadInputError(f"unsupported: decord cannot open it ({_first_line(error)})") from error


def _read(reader: Any, index: int) -> Frame:
    import decord

    try:
        image = reader[index].asnumpy()
        return float(reader.get_frame_timestamp(index)[0]), image
    except decord.DECORDError as error:
        raise BadInputError(f"damaged: decord cannot read frame {index} ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    return lines[0].split("Check failed: ")[-1][:160]
