import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.dataset.chunks import (
    ChunkConfig,
    build_chunks,
    chunk_spans,
    chunks_to_table,
    read_chunks,
    score_video,
    split_of,
    table_to_chunks,
)
from ops.gamepad import CONTROLS, DATASET, PadTrace
from ops.store.storage import Store
from tests.factories.policy_data import write_labels

EVERYTHING = ChunkConfig(min_chunk_s=0, min_density=0, min_confidence=0)


def trace(num_frames: int, fps: float = 10.0, active: slice = slice(0, 0)) -> PadTrace:
    buttons = np.zeros((num_frames, DATASET.num_buttons), np.float32)
    buttons[active, DATASET.index("south")] = 1
    return PadTrace.known(np.arange(num_frames) / fps, buttons, np.zeros((num_frames, 4)))


@given(
    st.lists(st.floats(1e-3, 30.0), min_size=0, max_size=80),
    st.floats(0, 1e5),
    st.floats(0.5, 25.0),
)
def test_spans_cover_every_frame_once_in_order(gaps, start_s, chunk_s):
    pts = start_s + np.cumsum([0.0, *gaps])
    spans = chunk_spans(pts, chunk_s)
    assert spans[0].start_frame == 0
    assert spans[-1].stop_frame == len(pts)
    for one, other in itertools.pairwise(spans):
        assert one.stop_frame == other.start_frame
        assert one.index < other.index
        assert one.stop_s <= other.start_s + 1e-9
    for span in spans:
        assert span.start_frame < span.stop_frame
        assert pts[span.stop_frame - 1] - pts[span.start_frame] <= chunk_s + 1e-3


def test_rows_are_what_the_source_has():
    assert [s.stop_frame - s.start_frame for s in chunk_spans(np.arange(1250) / 29.97, 20.0)] == [600, 599, 51]
    assert [s.stop_frame - s.start_frame for s in chunk_spans(np.arange(1201) / 30, 20.0)] == [600, 600, 1]


def test_a_gap_in_the_source_leaves_a_gap_in_the_numbers():
    pts = np.concatenate([np.arange(10), 60 + np.arange(10)])
    assert [span.index for span in chunk_spans(pts, 20.0)] == [0, 3]


def test_no_frames_have_no_chunks_and_times_must_increase():
    assert chunk_spans([], 20.0) == ()
    with pytest.raises(ValueError, match="increase"):
        chunk_spans([0.0, 1.0, 1.0], 20.0)


def test_density_keeps_at_the_threshold_and_drops_below():
    at, below = (score_video(trace(200, active=slice(0, n)), "v", "", "") for n in (100, 99))
    assert (at[0].density, at[0].kept, at[0].reason) == (0.5, True, "")
    assert (below[0].kept, below[0].reason) == (False, "idle")


def test_unknown_is_no_action_and_low_confidence_drops():
    unsure = trace(200, active=slice(0, 200))
    blind = dataclasses.replace(unsure, buttons=np.full_like(unsure.buttons, np.nan))
    assert score_video(blind, "v", "", "")[0].density == 0
    weak = dataclasses.replace(unsure, confidence=np.full((200, len(CONTROLS)), 0.4, np.float32))
    assert score_video(weak, "v", "", "")[0].reason == "low confidence"


def test_controls_that_the_skin_lacks_do_not_lower_confidence():
    whole = trace(200, active=slice(0, 200))
    confidence = whole.confidence.copy()
    confidence[:, 5:] = 0
    assert score_video(dataclasses.replace(whole, confidence=confidence), "v", "", "")[0].confidence == 1


def test_a_short_tail_is_dropped_with_its_reason():
    chunks = score_video(trace(210, active=slice(0, 210)), "v", "", "")
    assert [(c.chunk_id, c.num_frames, c.reason) for c in chunks] == [
        ("v_chunk_0000", 200, ""),
        ("v_chunk_0001", 10, "too short"),
    ]


@given(st.text(min_size=1, max_size=20), st.lists(st.text(max_size=8), min_size=2, max_size=5))
def test_videos_of_a_channel_are_on_one_side(channel, videos):
    config = ChunkConfig(held_out=0.5)
    assert len({split_of(channel, video, config) for video in videos}) == 1


def test_the_held_out_share_is_about_what_was_asked():
    sides = [split_of("", f"video{n}", ChunkConfig(held_out=0.2)) for n in range(2000)]
    assert 0.17 < sides.count("val") / len(sides) < 0.23


def test_table_round_trip():
    chunks = score_video(trace(410, active=slice(0, 300)), "v", "someone", "a game")
    assert table_to_chunks(chunks_to_table(chunks)) == chunks


def test_build_is_done_once_and_again_for_another_config(tmp_path):
    store = Store(str(tmp_path))
    write_labels(store, "b", ["one", "two"], seconds=5)
    first = build_chunks(store, "b", EVERYTHING)
    bytes_before = store.read_bytes("dataset/chunks/b/chunks.parquet")
    again = build_chunks(store, "b", EVERYTHING)
    assert (first.changed, again.changed) == (True, False)
    assert dataclasses.replace(again, changed=True) == first
    stricter = build_chunks(store, "b", dataclasses.replace(EVERYTHING, min_chunk_s=6))
    assert (first.num_kept, stricter.num_kept, stricter.reasons) == (2, 0, {"too short": 2})
    assert len(read_chunks(store, "b")) == stricter.num_chunks == 2
    build_chunks(store, "b", EVERYTHING)
    assert store.read_bytes("dataset/chunks/b/chunks.parquet") == bytes_before


@pytest.mark.parametrize("bad", [{"chunk_s": 0}, {"min_density": 1.1}, {"min_chunk_s": 30}, {"split_by": "chunk"}])
def test_bad_config_is_refused(bad):
    with pytest.raises(ValueError):
        ChunkConfig(**bad)
