"""The video that proves the labels: each frame with the found box, and the state that was read beside it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from ops.gamepad import PadTrace
from ops.overlay.tracks import Track

_HEIGHT_PX = 480
_PANEL_PX = 300
_MAX_FPS = 30.0
_READ, _BESIDE = (255, 210, 0), (150, 150, 150)


def write_preview(video: Path, out: Path, tracks: Sequence[Track], trace: PadTrace) -> None:
    """Write an H.264 video of a labelled one, at most 30 frames/s. Meant to run inside `ops.media.sandbox.call`.

    Args:
        video: the source.
        out: file to write.
        tracks: overlays that were found; the one that labels are read from is drawn in another colour.
        trace: labels, one row per source frame.
    """
    import av
    import cv2

    from ops.drawing.pictures import pad_panel
    from ops.media.video import decode_frames, open_video, scaled_size

    with open_video(video) as source, av.open(str(out), "w", format="mp4") as container:
        width, height = scaled_size(source.stream.width, source.stream.height, _HEIGHT_PX)
        zoom = height / source.stream.height
        stream = container.add_stream("libx264", options={"crf": "24", "preset": "veryfast", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = (width + _PANEL_PX) // 2 * 2, height // 2 * 2, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90_000)
        due = -1.0
        for row, frame in enumerate(decode_frames(source)):
            now = float(trace.pts_s[row])
            if now < due:
                continue
            due = now + 0.9 / _MAX_FPS
            picture = np.zeros((stream.height, stream.width, 3), dtype=np.uint8)
            rgb = frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
            for track in tracks:
                if track.start_s <= now < track.stop_s:
                    x, y, w, h = (value * zoom for value in track.box)
                    colour = _READ if track.overlay == 0 else _BESIDE
                    cv2.rectangle(rgb, (round(x), round(y)), (round(x + w), round(y + h)), colour, 2)
            panel = pad_panel(trace.buttons[row], trace.sticks[row], width=_PANEL_PX)
            picture[:, :width] = rgb[: stream.height, :width]
            rows = min(panel.shape[0], stream.height)
            picture[:rows, width : width + panel.shape[1]] = panel[:rows, : stream.width - width]
            image = av.VideoFrame.from_ndarray(picture, format="rgb24")
            image.pts, image.time_base = round(now * 90_000), Fraction(1, 90_000)
            container.mux(stream.encode(image))
        container.mux(stream.encode())
