"""Cut clips out of a video without decoding it: packets move as they are, timestamps start again at zero."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import av


def cut_packets(path: Path, spans: Sequence[tuple[int, int]], num_frames: int) -> list[bytes]:
    """Return an MP4 for each half-open span of frames; equal inputs give equal bytes.

    Args:
        path: a clip of our own without B-frames, so that packet i is frame i.
        spans: (start_frame, stop_frame), ascending, not overlapping; each must start at a keyframe.
        num_frames: how many frames the clip must have.

    Raises:
        ValueError: the clip has another number of frames, or a span does not start at a keyframe.
    """
    import av

    clips: list[bytes] = []
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        packets = [packet for packet in source.demux(stream) if packet.dts is not None]
        if len(packets) != num_frames:
            raise ValueError(f"{path.name} has {len(packets)} frames, its labels {num_frames}; make the crops again")
        for start, stop in spans:
            if not packets[start].is_keyframe:
                raise ValueError(
                    f"frame {start} of {path.name} starts a chunk and is no keyframe; make the crops again"
                )
            clips.append(_mux(stream, packets[start:stop]))
    return clips


def _mux(template: av.VideoStream, packets: Sequence[av.Packet[av.VideoStream]]) -> bytes:
    import av

    sink = io.BytesIO()
    # bitexact leaves out the muxer's version.
    with av.open(sink, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream_from_template(template)
        first = packets[0].dts or 0
        for packet in packets:
            packet.pts, packet.dts = (packet.pts or 0) - first, (packet.dts or 0) - first
            packet.stream = stream
            container.mux(packet)
    return sink.getvalue()
