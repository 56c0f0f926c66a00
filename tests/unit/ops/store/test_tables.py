import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ops.gamepad import CONTROLS, DATASET_BUTTONS, PadTrace
from ops.store.tables import table_to_trace, trace_to_table

axis = st.floats(-1, 1, width=32) | st.just(float("nan"))


@given(
    st.integers(0, 5).flatmap(
        lambda rows: st.tuples(
            hnp.arrays(np.float32, (rows, 17), elements=st.sampled_from([0.0, 1.0, float("nan")])),
            hnp.arrays(np.float32, (rows, 2), elements=axis),
            hnp.arrays(np.float32, (rows, 19), elements=st.floats(0, 1, width=32)),
        )
    )
)
def test_a_trace_survives_parquet_unknown_values_included(arrays):
    buttons, stick, confidence = arrays
    both = np.where(np.isfinite(stick).all(axis=1, keepdims=True), stick, np.nan)
    sticks = np.concatenate([both, -both], axis=1)
    trace = PadTrace(np.arange(len(buttons), dtype=np.float64), buttons, sticks, confidence)
    file = io.BytesIO()
    pq.write_table(trace_to_table(trace), file)
    back = table_to_trace(pq.read_table(pa.BufferReader(file.getvalue())))
    np.testing.assert_array_equal(back.buttons, buttons)
    np.testing.assert_array_equal(back.sticks, sticks)
    np.testing.assert_array_equal(back.confidence, confidence)


def test_published_files_with_bools_and_integer_sticks_are_read():
    columns = {name: pa.array([True, False]) for name in DATASET_BUTTONS}
    columns |= {name: pa.array([[0, -1], [1, 0]], pa.list_(pa.int64())) for name in ("j_left", "j_right")}
    trace = table_to_trace(pa.table(columns | {"pts_s": [0.0, 0.5]}))
    np.testing.assert_array_equal(trace.buttons, np.repeat([[1.0], [0.0]], 17, axis=1))
    np.testing.assert_array_equal(trace.sticks, [[0, -1, 0, -1], [1, 0, 1, 0]])
    assert (trace.confidence == 1).all() and trace.confidence.shape[1] == len(CONTROLS)


def test_a_missing_column_is_named():
    with pytest.raises(ValueError, match="pts_s"):
        table_to_trace(trace_to_table(PadTrace.known([0.0], np.zeros((1, 17)), np.zeros((1, 4)))).drop(["pts_s"]))
