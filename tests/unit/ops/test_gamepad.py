import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ops.gamepad import AXES, BENCHMARK, CONTROLS, DATASET, LAYOUTS, MODEL, NEUTRAL_PACKED, Layout, PadTrace

UNKNOWN = float("nan")
layouts = st.sampled_from(list(LAYOUTS.values()))


def test_the_dataset_order_is_that_of_the_published_files() -> None:
    assert DATASET.buttons == (
        "back", "dpad_down", "dpad_left", "dpad_right", "dpad_up", "east", "guide", "left_shoulder", "left_thumb",
        "left_trigger", "north", "right_shoulder", "right_thumb", "right_trigger", "south", "start", "west",
    )  # fmt: skip
    assert AXES == ("left_x", "left_y", "right_x", "right_y")
    assert (*DATASET.buttons, "left_stick", "right_stick") == CONTROLS


def test_the_model_order_is_that_of_the_released_checkpoint() -> None:
    assert MODEL.buttons == (
        "back", "dpad_down", "dpad_left", "dpad_right", "dpad_up", "east", "guide", "left_shoulder", "left_thumb",
        "left_trigger", "north", "right_bottom", "right_left", "right_right", "right_shoulder", "right_thumb",
        "right_trigger", "right_up", "south", "start", "west",
    )  # fmt: skip


def test_sizes_of_the_layouts() -> None:
    assert [layout.num_buttons for layout in (BENCHMARK, DATASET, MODEL)] == [16, 17, 21]
    assert [layout.dim for layout in (BENCHMARK, DATASET, MODEL)] == [20, 21, 25]
    assert set(DATASET.buttons) - set(BENCHMARK.buttons) == {"guide"}


def _actions(layout: Layout) -> st.SearchStrategy:
    rows = st.integers(0, 4)
    button, axis = st.sampled_from([0.0, 1.0, UNKNOWN]), st.floats(-1, 1, width=16) | st.just(UNKNOWN)
    return rows.flatmap(
        lambda n: st.tuples(
            st.just(layout),
            hnp.arrays(np.float32, (n, layout.num_buttons), elements=button),
            hnp.arrays(np.float32, (n, 4), elements=axis),
        )
    )


@given(layouts.flatmap(_actions))
def test_packing_loses_nothing_and_unknown_stays_unknown(case) -> None:
    layout, buttons, sticks = case
    packed = layout.pack(buttons, sticks)
    known = packed[np.isfinite(packed)]
    assert packed.shape == (len(buttons), layout.dim) and ((known >= 0) & (known <= 1)).all()
    back_buttons, back_sticks = layout.unpack(packed)
    np.testing.assert_array_equal(back_buttons, buttons)
    np.testing.assert_allclose(back_sticks, sticks, atol=1e-6)


def test_rest_packs_to_neutral() -> None:
    packed = DATASET.pack(np.zeros(17), np.zeros(4))
    np.testing.assert_array_equal(packed[17:], NEUTRAL_PACKED)


def test_unpacked_axes_stay_in_range() -> None:
    _, sticks = DATASET.unpack(np.full(21, 3.0))
    np.testing.assert_array_equal(sticks, 1)


@given(layouts, layouts, st.data())
def test_reordering_keeps_names_and_marks_what_is_lacking_unknown(source: Layout, target: Layout, data) -> None:
    values = np.array(data.draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=len(source.buttons),
                                         max_size=len(source.buttons))), np.float32)  # fmt: skip
    taken = target.take_buttons(values, source)
    for button, value in zip(target.buttons, taken, strict=True):
        if button in source.buttons:
            assert value == values[source.index(button)]
        else:
            assert np.isnan(value)


def test_wrong_shapes_and_names_are_named() -> None:
    with pytest.raises(ValueError, match=r"17\) buttons"):
        DATASET.pack(np.zeros(16), np.zeros(4))
    with pytest.raises(ValueError, match="21 channels"):
        DATASET.unpack(np.zeros(20))
    with pytest.raises(ValueError, match="17 channels"):
        MODEL.take_buttons(np.zeros(16), DATASET)
    with pytest.raises(ValueError, match="no button 'guide'"):
        BENCHMARK.index("guide")
    with pytest.raises(ValueError, match=r"PadTrace.sticks: expected \(2, 4\)"):
        PadTrace.known([0, 1], np.zeros((2, 17)), np.zeros((2, 2)))


def test_a_known_trace_is_sure_of_what_it_knows_alone() -> None:
    buttons, sticks = np.zeros((2, 17)), np.zeros((2, 4))
    buttons[0, 3], sticks[1, 2:] = UNKNOWN, UNKNOWN
    confidence = PadTrace.known([0, 1], buttons, sticks).confidence
    assert confidence.sum() == 2 * 19 - 2
    assert confidence[0, 3] == 0 and confidence[1, CONTROLS.index("right_stick")] == 0


def test_unknown_is_not_activity() -> None:
    buttons, sticks = np.full((4, 17), UNKNOWN), np.full((4, 4), UNKNOWN)
    buttons[1, 0], sticks[2, :2], sticks[3, 2:] = 1, (0.08, 0.08), (0.05, 0.05)
    np.testing.assert_array_equal(PadTrace.known(range(4), buttons, sticks).active(), [False, True, True, False])


def test_a_slice_keeps_rows_together() -> None:
    trace = PadTrace.known(range(5), np.arange(85).reshape(5, 17), np.zeros((5, 4)))[1:3]
    assert trace.num_frames == 2 and trace.pts_s[0] == 1 and trace.buttons[0, 0] == 17
