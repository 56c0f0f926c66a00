import numpy as np
import pytest

from assets.workers import drawing
from assets.workers.drawing import draw_location, draw_states, draw_traces, find_ok, read_trace
from ops.gamepad import DATASET, PadTrace
from ops.outcomes import Outcome
from ops.store.batch import Unit
from ops.store.storage import Store
from ops.store.tables import trace_to_table

FRAME = np.full((90, 160, 3), 40, np.uint8)


def _trace(num_frames: int = 60, first_s: float = 0.0) -> PadTrace:
    buttons = np.zeros((num_frames, DATASET.num_buttons), np.float32)
    buttons[num_frames // 2 :, DATASET.index("south")] = 1
    return PadTrace.known(first_s + np.arange(num_frames) / 30, buttons, np.zeros((num_frames, 4), np.float32))


def _show(monkeypatch: pytest.MonkeyPatch, *times_s: float) -> list[str]:
    keys: list[str] = []

    def read(_: Store, key: str, count: int) -> list:
        keys.append(key)
        return [(seconds, FRAME) for seconds in times_s]

    monkeypatch.setattr(drawing, "read_frames", read)
    return keys


def test_ok_units_are_found_in_order() -> None:
    kinds = (Outcome.rejected("no"), Outcome.ok(), Outcome("failed", "x"), Outcome.ok(), Outcome.ok())
    units = [Unit(str(number), outcome) for number, outcome in enumerate(kinds)]
    assert [unit.video_id for unit in find_ok(units, 2)] == ["1", "3"]


def test_a_found_box_is_drawn_at_the_scale_of_the_picture(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = _show(monkeypatch, 0.0)
    track = {"template_id": "t", "start_s": 0.0, "stop_s": 2.0, "inliers": 30, "score": 0.9, "box": [40, 40, 40, 20]}
    video = Unit("v", Outcome.ok(path="video.mp4"))
    with_box = draw_location(store, "b", video, Unit("v", Outcome.ok(tracks=[track])))
    without = draw_location(store, "b", video, Unit("v", Outcome.ok(tracks=[])))
    assert keys[0] == "raw/videos/b/v/video.mp4"
    assert with_box.shape == without.shape and with_box.shape[1] == 640
    rows, columns = np.nonzero((with_box != without).any(axis=2))
    # The box is four times as large in a picture of 640 pixels as in the frame of 160.
    assert columns.min() == pytest.approx(160, abs=4) and rows.max() == pytest.approx(240, abs=4)


def test_a_crop_is_shown_beside_the_state_of_its_own_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[float] = []
    panel = drawing.pad_panel
    south = DATASET.index("south")
    monkeypatch.setattr(drawing, "pad_panel", lambda b, s, w: rows.append(b[south]) or panel(b, s, w))
    keys = _show(monkeypatch, 0.1, 1.9)
    draw_states(store, "b", "v", _trace(first_s=5.0), 2)
    assert keys == ["overlay/crops/b/v/gamepad.mp4"]
    assert rows == [0, 1], "the first crop is from before the press, the second from after it"


def test_labels_are_read_from_the_video_of_the_batch(store: Store) -> None:
    store.write_table("labels/actions/b/v/actions.parquet", trace_to_table(_trace()))
    assert read_trace(store, "labels/actions", "b", "v").num_frames == 60


def test_traces_show_the_first_stretch_and_the_truth_where_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple] = []
    monkeypatch.setattr(drawing, "stick_traces", lambda *arguments: shown.append(arguments))
    long, truth = _trace(900, first_s=3.0), _trace(450)
    truth.sticks[:, 0] = np.linspace(-1, 1, 450)
    draw_traces(long)
    draw_traces(long, truth)
    (times_s, _, nothing), (_, sticks, true) = shown
    assert nothing is None
    assert times_s[0] == 0 and 19.9 < times_s[-1] < 20
    assert len(true) == len(sticks)
    assert true[150, 0] == pytest.approx(truth.sticks[150, 0], abs=0.01), "times count from each table's start"
    assert true[-1, 0] == truth.sticks[-1, 0], "the truth ends before the labels do"
