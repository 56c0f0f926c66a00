"""Write our own small clips: H.264 whose bytes follow from its pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Final

#: Clock of the file, in seconds: that of MPEG, which is exact for all usual frame rates.
_TIME_BASE: Final = Fraction(1, 90_000)
#: Frames between keyframes that nobody asked for: more than any clip has.
_NEVER: Final = "100000"


class ClipWriter:
    """An H.264 file: equal pictures give equal bytes (one thread, no dates), no B-frames, keyframes as told."""

    def __init__(self, path: Path, quantizer: int) -> None:
        import av

        self._container = av.open(
            str(path), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}
        )
        options = {
            "qp": str(quantizer),
            "preset": "ultrafast",
            "bf": "0",
            "g": _NEVER,
            "sc_threshold": "0",
            "forced-idr": "1",
            "threads": "1",
            "x264-params": "threads=1:lookahead_threads=1:sync-lookahead=0:rc-lookahead=0:mbtree=0",
        }
        self._stream: Any = self._container.add_stream("libx264", options=options)
        self._stream.codec_context.time_base = _TIME_BASE
        self._stream.codec_context.flags |= av.codec.context.Flags.bitexact
        self._key = av.video.frame.PictureType.I
        self._other = av.video.frame.PictureType.NONE
        self._last = -1

    def __enter__(self) -> ClipWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def write(self, picture: Any, time_s: float, keyframe: bool) -> None:
        """Add a picture at a time."""
        if self._last < 0:
            self._stream.width, self._stream.height = picture.width, picture.height
            self._stream.pix_fmt = "yuv420p"
        picture.time_base = _TIME_BASE
        picture.pts = self._last = max(self._last + 1, round(time_s / _TIME_BASE))
        picture.pict_type = self._key if keyframe else self._other
        self._container.mux(self._stream.encode(picture))
