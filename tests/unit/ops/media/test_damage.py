"""What a decoder conceals is found, to the next keyframe; clean clips of any kind have no damage."""

from pathlib import Path

import av
import numpy as np
import pytest

from ops.media.damage import DamageWatch
from ops.media.video import decode_frames, open_video
from tests.factories.media import GOOD, make, write_clip

GOP = 20


def decode(path: Path) -> tuple[list[int], list[np.ndarray], list[tuple[int, int]]]:
    watch = DamageWatch()
    with open_video(path) as video:
        frames = [(frame.pts, frame.to_ndarray(format="rgb24").astype(int)) for frame in decode_frames(video, watch)]
    times = [time for time, _ in frames]
    return times, [picture for _, picture in frames], watch.damaged_rows(times)


def change_packet(source: Path, target: Path, number: int, kind: str) -> Path:
    """Write a clip one of whose packets is lost, has wrong bytes, or a block of zeros."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        packets = [packet for packet in old.demux(video=0) if packet.size]
        for at, packet in enumerate(packets):
            if at == number and kind == "lost":
                continue
            if at == number:
                packet = _with_bytes(packet, _damaged(bytes(packet), kind))
            packet.stream = stream
            new.mux(packet)
    return target


def _damaged(data: bytes, kind: str) -> bytes:
    start, stop = len(data) // 3, len(data) * 2 // 3
    rng = np.random.default_rng(len(data))
    middle = rng.integers(256, size=stop - start, dtype=np.uint8).tobytes() if kind == "wrong" else bytes(stop - start)
    return data[:start] + middle + data[stop:]


def _with_bytes(packet: av.Packet, data: bytes) -> av.Packet:
    made = av.Packet(data)
    made.pts, made.dts, made.time_base, made.duration = packet.pts, packet.dts, packet.time_base, packet.duration
    made.is_keyframe = packet.is_keyframe
    return made


@pytest.mark.parametrize("kind", ["lost", "wrong", "zeros"])
@pytest.mark.parametrize("extension", ["mp4", "ts", "mkv"])
@pytest.mark.parametrize("number", [13, 20, 25, 44])
def test_frames_that_look_wrong_are_found(tmp_path, extension, kind, number):
    clean = write_clip(tmp_path / f"a.{extension}", width=320, height=192, gop=GOP, num_frames=80)
    times, pictures, _ = decode(clean)
    damaged = change_packet(clean, tmp_path / f"b.{extension}", number, kind)
    found_times, found, spans = decode(damaged)
    shift = round((found_times[-1] - times[-1]) / np.median(np.diff(times)))
    assert shift in (0, -1), "the last frame is there"
    truth = {round(time / np.median(np.diff(times))): picture for time, picture in zip(times, pictures, strict=True)}
    is_damaged = np.zeros(len(found), dtype=bool)
    for start, stop in spans:
        assert start < stop
        is_damaged[start:stop] = True
    for row, (time, picture) in enumerate(zip(found_times, found, strict=True)):
        true = truth[round(time / np.median(np.diff(times)))]
        wrong = float(np.abs(picture - true).mean())
        assert is_damaged[row] or wrong < 4, f"frame {row} is wrong and not reported"
    assert is_damaged.sum() <= 2 * GOP, "the next keyframe ends it"
    if kind != "lost":
        assert spans


@pytest.mark.parametrize("kind", GOOD)
def test_clean_clips_have_no_damage(tmp_path, kind):
    assert decode(make(kind, tmp_path))[2] == []


def test_lost_pieces_of_a_transport_stream_are_found(tmp_path):
    data = write_clip(tmp_path / "a.ts", width=320, height=192, gop=GOP, num_frames=80).read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    middle = len(packets) // 2
    (tmp_path / "b.ts").write_bytes(b"".join(packets[:middle] + packets[middle + 3 :]))
    spans = decode(tmp_path / "b.ts")[2]
    assert spans and sum(stop - start for start, stop in spans) <= 2 * GOP


def test_bytes_that_are_wrong_in_the_file_are_found(tmp_path):
    path = write_clip(tmp_path / "a.mp4", width=320, height=192, gop=GOP, num_frames=80)
    data = bytearray(path.read_bytes())
    start, stop = data.index(b"mdat"), data.index(b"moov")
    middle = start + (stop - start) // 2
    data[middle : middle + 600] = bytes(600)
    path.write_bytes(data)
    spans = decode(path)[2]
    assert spans and sum(stop - start for start, stop in spans) <= 2 * GOP


def test_damage_begins_at_the_gap_before_the_first_complaint_and_ends_with_what_refers_to_it():
    watch = DamageWatch()
    # In order of decoding: a keyframe, P and B frames with a gap, a complaint, the next keyframe and its leading frame.
    for pts, key, bad in [
        (3, True, False), (5, False, False), (4, False, False), (6, False, False), (9, False, True),
        (14, True, False), (13, False, False), (17, False, False),
    ]:  # fmt: skip
        watch.note_packet(pts, key, bad)
    assert watch.damaged_rows([3, 4, 5, 6, 9, 13, 14, 17]) == [(3, 6)]


def test_a_flagged_picture_takes_those_decoded_after_it_along():
    watch = DamageWatch()
    for pts, key in [(0, True), (3, False), (1, False), (2, False), (6, True), (9, False)]:
        watch.note_packet(pts, key, False)
    watch.note_frame(3, True)
    assert watch.damaged_rows([0, 1, 2, 3, 6, 9]) == [(1, 4)]
