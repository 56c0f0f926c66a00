import struct

from ops.media.mp4_boxes import scan_boxes


def box(kind: bytes, size: int = 0) -> bytes:
    return struct.pack(">I", 8 + size) + kind + bytes(size)


def test_whole_and_cut_files_are_told_apart(tmp_path):
    path = tmp_path / "a.mp4"
    whole = box(b"ftyp", 8) + box(b"moov", 20) + box(b"mdat", 100)
    path.write_bytes(whole)
    assert scan_boxes(path) == ([b"ftyp", b"moov", b"mdat"], True)
    path.write_bytes(whole[:-1])
    assert scan_boxes(path) == ([b"ftyp", b"moov", b"mdat"], False)


def test_long_boxes_and_a_last_one_to_the_end_are_known(tmp_path):
    path = tmp_path / "a.mp4"
    long = struct.pack(">I4sQ", 1, b"mdat", 16 + 40) + bytes(40)
    path.write_bytes(long + box(b"free", 4) + struct.pack(">I4s", 0, b"mdat") + bytes(9))
    assert scan_boxes(path) == ([b"mdat", b"free", b"mdat"], True)


def test_a_length_that_cannot_be_ends_the_scan(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(struct.pack(">I4s", 3, b"ftyp") + bytes(30))
    assert scan_boxes(path) == ([b"ftyp"], False)
