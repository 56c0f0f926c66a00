"""The preview shows each frame at its time, the found boxes while they are there, and the state beside them."""

from pathlib import Path

import numpy as np
import pytest

from ops.drawing.pictures import pad_panel
from ops.drawing.preview import write_preview
from ops.gamepad import DATASET, PadTrace
from ops.media.sandbox import Limits, call
from ops.overlay.tracks import Track
from tests.factories.media import read_index, write_clip
from tests.factories.overlays import pressed

SIZE = (320, 240)


def make_track(start_s: float, stop_s: float, box: tuple[float, ...], overlay: int = 0) -> Track:
    affine = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    return Track(start_s, stop_s, "x", "ps4", affine, box, 9, 0.9, overlay)


def labels(times: np.ndarray) -> PadTrace:
    """Return labels in which each button is pressed in every other frame."""
    buttons = np.zeros((len(times), DATASET.num_buttons), np.float32)
    buttons[::2] = pressed("south")
    return PadTrace.known(times, buttons, np.zeros((len(times), 4), np.float32))


def read(path: Path) -> list[tuple[float, np.ndarray]]:
    import av

    with av.open(str(path)) as container:
        return [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def write(tmp_path: Path, times: np.ndarray, tracks=()) -> list[tuple[float, np.ndarray]]:
    clip = write_clip(tmp_path / "clip.mp4", width=SIZE[0], height=SIZE[1], pts_s=times.tolist(), num_frames=len(times))
    call(write_preview, clip, tmp_path / "preview.mp4", list(tracks), labels(times), limits=Limits())
    return read(tmp_path / "preview.mp4")


def shown_index(picture: np.ndarray) -> int:
    """Return the index that the clip's bars spell in the preview's left part."""
    return read_index(picture[:, : SIZE[0]])


@pytest.mark.parametrize(
    "times",
    [np.arange(30) / 30, np.cumsum([0.0, 0.05, 0.5, 0.04, 0.2, 0.034]), 3.5 + np.arange(10) / 25],
    ids=["30 Hz", "variable", "late start"],
)
def test_each_frame_is_shown_at_its_time_beside_its_state(times, tmp_path):
    frames = write(tmp_path, times)
    assert [time for time, _ in frames] == pytest.approx(times - times[0], abs=1e-3)
    assert [shown_index(picture) for _, picture in frames] == list(range(len(times)))
    trace = labels(times)
    for row, (_, picture) in enumerate(frames):
        panel = pad_panel(trace.buttons[row], trace.sticks[row], width=300).astype(int)
        beside = picture[: len(panel), SIZE[0] :].astype(int)
        other = pad_panel(trace.buttons[(row + 1) % 2], trace.sticks[row], width=300).astype(int)
        assert np.abs(beside - panel).mean() < np.abs(beside - other).mean()


def test_of_60_frames_per_second_half_are_shown(tmp_path):
    frames = write(tmp_path, np.arange(60) / 60)
    assert [shown_index(picture) for _, picture in frames] == list(range(0, 60, 2))


def test_boxes_are_drawn_while_their_overlays_are_there(tmp_path):
    read_first = make_track(0.0, 0.5, (40.0, 150.0, 60.0, 40.0))
    beside = make_track(0.5, 1.0, (200.0, 150.0, 60.0, 40.0), overlay=1)
    frames = write(tmp_path, np.arange(30) / 30, [read_first, beside])

    def is_drawn(picture: np.ndarray, x: int, colour: tuple[int, int, int]) -> bool:
        return bool(np.abs(picture[155:185, x : x + 2].astype(int) - colour).mean() < 30)

    assert [is_drawn(picture, 40, (255, 210, 0)) for _, picture in frames] == [row < 15 for row in range(30)]
    assert [is_drawn(picture, 200, (150, 150, 150)) for _, picture in frames] == [row >= 15 for row in range(30)]


def test_a_failing_program_says_why(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", num_frames=3)
    with pytest.raises(RuntimeError, match="No such file or directory"):
        write_preview(clip, tmp_path / "missing" / "preview.mp4", [], labels(np.arange(3) / 30))
