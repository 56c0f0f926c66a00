"""What the members of a sample hold: the decoder that webdataset is given to read our shards."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

from ops.gamepad import PadTrace
from ops.store.tables import table_to_trace


def decode_member(key: str, data: bytes, stride: int = 1) -> Any:
    """Return what a member of a sample holds, or None where webdataset's own decoders know it (`json`).

    It is an argument of `webdataset.WebDataset(urls).decode(...)`.

    Args:
        key: extension of the member, with or without its first dot.
        data: bytes of the member.
        stride: take every so-many-th frame of a clip; a chunk of 20 s at 60 Hz takes 236 MB whole.

    Returns:
        For `mp4` an array (num_frames, height, width, 3) uint8 RGB; for `actions.parquet` a `PadTrace`.
    """
    extension = key.removeprefix(".").lower()
    if extension == "mp4":
        return decode_clip(data, stride)
    return decode_actions(data) if extension == "actions.parquet" else None


def decode_clip(data: bytes, stride: int = 1) -> npt.NDArray[np.uint8]:
    """Return every `stride`-th frame of a clip, (num_frames, height, width, 3) uint8 RGB."""
    import av

    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        frames = enumerate(container.decode(video=0))
        pictures = [frame.to_ndarray(format="rgb24") for number, frame in frames if number % stride == 0]
    return np.stack(pictures) if pictures else np.zeros((0, 0, 0, 3), np.uint8)


def decode_actions(data: bytes) -> PadTrace:
    """Return the labels of a sample, one row per frame.

    Raises:
        pyarrow.ArrowException: the bytes are no table.
        ValueError: a column is missing.
    """
    import pyarrow.parquet as pq

    return table_to_trace(pq.read_table(io.BytesIO(data)))
