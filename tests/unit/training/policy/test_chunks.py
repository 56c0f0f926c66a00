import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.policy.config import PolicyConfig
from ops.gamepad import DATASET, PadTrace
from training.policy.chunks import decode_frames, future_actions, list_sources, read_source


@given(
    fps=st.floats(10, 70),
    control_hz=st.sampled_from([10.0, 15.0, 30.0, 60.0]),
    shift=st.integers(0, 4),
    row=st.integers(0, 99),
    jitter=st.integers(0, 1000),
)
def test_actions_are_the_nearest_labels_or_unknown(fps, control_hz, shift, row, jitter):
    rng = np.random.default_rng(jitter)
    pts = np.cumsum(rng.uniform(0.5, 1.5, 100) / fps)
    values = rng.uniform(-1, 1, 100)
    trace = PadTrace.known(pts, np.zeros((100, DATASET.num_buttons)), np.repeat(values[:, None], 4, axis=1))
    config = PolicyConfig(horizon=6, control_hz=control_hz, action_shift=shift)
    actions = future_actions(trace, [row], config)[0, :, -4]
    for step, action in enumerate(actions):
        distance = np.abs(pts - (pts[row] + (shift + step) / control_hz))
        if distance.min() > 1 / control_hz + 1e-9:
            assert np.isnan(action)
        elif distance.min() < 1 / control_hz - 1e-9:
            nearest = values[np.flatnonzero(distance <= distance.min() + 1e-9)]
            assert np.abs((nearest + 1) / 2 - action).min() < 1e-6


def test_unknown_labels_stay_unknown_and_layouts_are_by_name():
    buttons = np.zeros((30, DATASET.num_buttons), np.float32)
    buttons[:, DATASET.index("west")] = 1
    buttons[:, DATASET.index("guide")] = np.nan
    trace = PadTrace.known(np.arange(30) / 30, buttons, np.zeros((30, 4)))
    config = PolicyConfig(horizon=2, control_hz=30)
    actions = future_actions(trace, [0], config)[0]
    layout = config.action_layout
    assert actions[:, layout.index("west")].tolist() == [1, 1]
    assert np.isnan(actions[:, layout.index("guide")]).all()
    assert np.isnan(actions[:, layout.index("right_up")]).all()
    assert actions[:, -4:].tolist() == [[0.5] * 4] * 2


def test_a_clip_gives_every_nth_frame_as_planes(store):
    (source, *_) = list_sources(store, ["batch-000001"], "train")
    clip, trace = read_source(store, source)
    frames = decode_frames(clip, 3, 32)
    assert frames.shape == (-(-trace.num_frames // 3), 3, 32, 32) and frames.dtype == np.uint8
    assert np.array_equal(frames, decode_frames(clip, 1, 32, trace.num_frames)[::3])


def test_no_chunk_of_a_side_says_what_to_change(store):
    with pytest.raises(ValueError, match="held_out in the config of dataset/chunks"):
        list_sources(store, ["batch-000001"], "test")
