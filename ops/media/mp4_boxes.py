"""The outer boxes of MP4 and MOV files (ISO/IEC 14496-12, section 4.2)."""

from __future__ import annotations

from pathlib import Path


def scan_boxes(path: Path) -> tuple[list[bytes], bool]:
    """Return the types of an MP4 file's outer boxes, and whether the last one is whole."""
    size = path.stat().st_size
    boxes: list[bytes] = []
    at = 0
    with path.open("rb") as file:
        while at + 8 <= size and len(boxes) < 100_000:
            file.seek(at)
            header = file.read(16)
            length = int.from_bytes(header[:4], "big")
            if length == 1:
                length = int.from_bytes(header[8:16], "big")
            boxes.append(header[4:8])
            if length == 0:  # to the end of the file
                return boxes, True
            if length < 8:
                return boxes, False
            at += length
    return boxes, at == size
