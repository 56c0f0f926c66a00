"""A few keyframes of a file on a server: the right ones, for few bytes; what cannot be looked at says so."""

from pathlib import Path

import numpy as np
import pytest

from ops.crawl import peek as peek_module
from ops.crawl.peek import BLOCK_BYTES, SparseFile, peek
from ops.media.readers import sample_frames
from ops.media.video import Frame
from ops.outcomes import BadInputError
from tests.factories.media import write_clip


class Served:
    """A local file as a server would give it."""

    def __init__(self, path: Path) -> None:
        self.path, self.size, self.asked = path, path.stat().st_size, []

    def read(self, start: int, stop: int) -> bytes:
        self.asked.append((start, stop))
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)


def times_and_means(frames: list[Frame]) -> list[tuple[float, float]]:
    return [(round(time_s, 3), round(float(picture.mean()), 3)) for time_s, picture in frames]


def moment(frames: list[Frame]) -> int:
    return len(frames)


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """Return a clip of megabytes."""
    return write_clip(
        tmp_path_factory.mktemp("peek") / "large.mkv",
        codec="mjpeg",
        pix_fmt="yuvj420p",
        width=320,
        height=192,
        num_frames=600,
        options={"qmin": "1", "qmax": "1"},
    )


@pytest.mark.parametrize("name", ["faststart.mp4", "index_at_end.mp4", "cues.webm", "cues.mkv"])
def test_the_same_keyframes_as_from_the_whole_file(name: str, tmp_path: Path) -> None:
    options = {"movflags": "faststart"} if name == "faststart.mp4" else None
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    path = write_clip(tmp_path / name, codec=codec, num_frames=120, gop=10, container_options=options)
    (tmp_path / "scratch").mkdir()
    found, _ = peek(Served(path), tmp_path / "scratch", 6, 96, times_and_means)
    assert found == times_and_means(sample_frames(path, 6, max_height=96))
    assert len(found) == 6


def test_of_a_long_file_only_a_part_is_fetched(large: Path, tmp_path: Path) -> None:
    served = Served(large)
    found, num_bytes = peek(served, tmp_path, 3, 96, moment)
    assert found == 3
    assert num_bytes == sum(stop - start for start, stop in served.asked) < served.size / 2, served.size
    assert len(set(served.asked)) == len(served.asked), "nothing is fetched twice"


def test_a_file_that_is_no_video_or_asks_for_everything_is_told(tmp_path: Path, large: Path, monkeypatch) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("#EXTM3U\nhttp://elsewhere/\n")
    with pytest.raises(BadInputError, match="playlist"):
        peek(Served(text), tmp_path, 3, 96, moment)
    monkeypatch.setattr(peek_module, "MAX_BLOCKS", 2)
    with pytest.raises(BadInputError, match="unreadable in parts"):
        peek(Served(large), tmp_path, 6, 96, moment)


def test_a_sparse_file_ends_where_a_block_is_missing(tmp_path: Path) -> None:
    path, size = tmp_path / "x", 3 * BLOCK_BYTES
    path.write_bytes(np.arange(size, dtype=np.uint8).tobytes())
    with SparseFile(path, size, {0, 2}) as file:
        assert len(file.read(2 * BLOCK_BYTES)) == BLOCK_BYTES and not file.missing
        assert file.read(1) == b"" and file.missing == {1}
        assert file.seek(-1, 2) == size - 1 and len(file.read()) == 1
        assert file.seek(0) == 0 and file.seek(5, 1) == 5 and file.read(1) == b"\x05"
