import ffmpeg
import pytest

from ops.media.ffmpeg import piped, run
from tests.factories.media import draw_index, read_index, write_clip


def read_indices(path) -> list[int]:
    import av

    with av.open(str(path)) as container:
        return [read_index(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def test_a_graph_is_run_and_overwrites(tmp_path):
    clip, out = write_clip(tmp_path / "clip.mp4", num_frames=12), tmp_path / "out.mp4"
    out.write_bytes(b"old")
    halved = ffmpeg.input(str(clip)).trim(start_frame=3, end_frame=9).setpts("PTS-STARTPTS").filter("scale", 80, -2)
    run(halved.output(str(out), vcodec="libx264", preset="ultrafast"))
    assert read_indices(out) == [3, 4, 5, 6, 7, 8]


def test_it_reads_what_is_piped_to_it(tmp_path):
    out = tmp_path / "out.mp4"
    raw = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s="160x96", framerate=30)
    with piped(raw.output(str(out), vcodec="libx264", preset="ultrafast")) as pipe:
        for index in range(5):
            pipe.write(draw_index(index, 160, 96).tobytes())
    assert read_indices(out) == [0, 1, 2, 3, 4]


def test_failures_tell_what_the_program_said(tmp_path):
    with pytest.raises(RuntimeError, match=r"No such file or directory.*nothing\.mp4"):
        run(ffmpeg.input(str(tmp_path / "nothing.mp4")).output(str(tmp_path / "out.mp4")))
    raw = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s="160x96")
    with (
        pytest.raises(RuntimeError, match="Unknown encoder 'none'"),
        piped(raw.output(str(tmp_path / "out.mp4"), vcodec="none")) as pipe,
    ):
        for _ in range(1000):
            pipe.write(bytes(160 * 96 * 3))


def test_an_error_of_the_writer_is_raised_as_it_is(tmp_path):
    raw = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s="160x96")
    with pytest.raises(KeyError, match="mine"), piped(raw.output(str(tmp_path / "out.mp4"))):
        raise KeyError("mine")
