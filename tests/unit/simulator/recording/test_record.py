import hashlib
import json
from pathlib import Path

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from ops.gamepad import DATASET
from ops.store.tables import table_to_trace
from simulator.play.policies import ActionChunk
from simulator.recording.record import RecordConfig, place_overlay, record

SMALL = {"seconds": 2.0, "width": 320, "height": 180, "preset": "ultrafast", "crf": 20}
SKIN = {"skin_id": "xbox_one-flat-01", "overlay_px": 120.0, "margin_px": 4}


class Tapper:
    """Holds south for half a second, then lets go for half a second, and pushes nothing else."""

    def reset(self, seed):
        self.frames = 0

    def act(self, observation):
        self.frames += 1
        return ActionChunk.single(("south",) if self.frames % 30 > 15 else ())


def decode(path: Path) -> tuple[np.ndarray, list[float]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return np.stack([frame.to_ndarray(format="rgb24") for frame in frames]), [frame.time for frame in frames]


def test_the_overlay_shows_the_truth_frame_by_frame(tmp_path):
    config = RecordConfig("clip", task="DefendLine", fps=60, keep_clean=True, corner="top_right", **SKIN, **SMALL)
    recording = record(config, tmp_path, make_policy=lambda env: Tapper())
    trace = table_to_trace(pq.read_table(tmp_path / recording.truth))
    frames, times = decode(tmp_path / recording.file)
    clean, _ = decode(tmp_path / recording.clean)
    assert recording.num_frames == trace.num_frames == len(frames) == 120
    np.testing.assert_allclose(trace.pts_s, times, atol=1e-6)
    pressed = trace.buttons[:, DATASET.index("south")] == 1
    assert 0.4 < pressed.mean() < 0.6
    x, y, w, h = (round(value) for value in recording.box)
    assert x + w == pytest.approx(320 - 4, abs=1)
    # What the overlay adds to the clean picture changes exactly when the truth does.
    overlay = frames.astype(np.int16)[:, y : y + h, x : x + w] - clean[:, y : y + h, x : x + w]
    south = np.abs(overlay[pressed].mean(axis=0) - overlay[~pressed].mean(axis=0)).max(axis=-1)
    row, column = np.unravel_index(south.argmax(), south.shape)
    assert column > w / 2  # the face buttons are on the right
    button = overlay[:, row - 1 : row + 2, column - 1 : column + 2].mean(axis=(1, 2))
    near_down = np.linalg.norm(button - button[pressed].mean(axis=0), axis=1)
    near_up = np.linalg.norm(button - button[~pressed].mean(axis=0), axis=1)
    np.testing.assert_array_equal(near_down < near_up, pressed)
    below = np.s_[:, y + h + 8 :]
    assert np.abs(frames[below].astype(int) - clean[below]).mean() < 3


def test_equal_configs_give_equal_bytes(tmp_path):
    config = RecordConfig("clip", seed=3, **SKIN, **SMALL)
    digests = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        record(config, folder)
        digests.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()})
    assert digests[0] == digests[1]
    assert set(digests[0]) == {"clip.mp4", "clip.parquet", "clip.json"}
    meta = json.loads((tmp_path / "a" / "clip.json").read_text())
    assert meta["family"] == "xbox_one"
    assert "right_trigger" in meta["drawn"]
    assert meta["active_share"] > 0.7


def test_a_variable_rate_loses_frames_and_the_truth_follows(tmp_path):
    config = RecordConfig("clip", fps=60, variable_rate=True, skin_id=None, **SMALL)
    recording = record(config, tmp_path)
    trace = table_to_trace(pq.read_table(tmp_path / recording.truth))
    _, times = decode(tmp_path / recording.file)
    assert 90 < recording.num_frames < 118
    np.testing.assert_allclose(trace.pts_s, times, atol=1e-4)
    gaps = np.diff(times)
    assert (gaps > 0).all()
    assert gaps.max() > 1.5 / 60
    assert len(np.unique(gaps.round(4))) > 10
    assert recording.box is None
    assert recording.family is None


def test_rests_are_rest(tmp_path):
    config = RecordConfig("clip", rests=((1.0, 2.0),), skin_id=None, **SMALL)
    recording = record(config, tmp_path)
    trace = table_to_trace(pq.read_table(tmp_path / recording.truth))
    assert not trace.active()[30:].any()
    assert trace.active()[:30].mean() > 0.7


def test_bad_configs_are_refused(tmp_path):
    for change, message in (
        ({"seconds": 0.0}, "above 0"),
        ({"corner": "middle"}, "one of top_left"),
        ({"crf": 60}, "0 to 51"),
    ):
        with pytest.raises(ValueError, match=message):
            RecordConfig("clip", **{**SMALL, **change})
    for change, message in (
        ({"fps": 50}, "multiple of 30"),
        ({"policy": "magic"}, "no policy 'magic'; there are scripted"),
        ({"game": "Quake"}, "no game"),
        ({"skin_id": "nes-flat-01"}, "no procedural skin"),
    ):
        with pytest.raises(ValueError, match=message):
            record(RecordConfig("clip", **{**SMALL, **change}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_overlay_is_placed_by_what_it_draws():
    for corner in ("top_left", "bottom_right"):
        config = RecordConfig("clip", skin_id="ps5-line-01", overlay_px=300, corner=corner, margin_px=24)
        x, y, w, h = place_overlay(config).box
        if corner == "top_left":
            assert (x, y) == (pytest.approx(24, abs=0.6), pytest.approx(24, abs=0.6))
        else:
            assert (x + w, y + h) == (pytest.approx(1280 - 24, abs=0.6), pytest.approx(720 - 24, abs=0.6))
    assert place_overlay(RecordConfig("clip")) is None
