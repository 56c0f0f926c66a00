"""Reading and refining, as stages of a batch; `conftest.py` runs the batch."""

import numpy as np
import pytest

from ops.gamepad import DATASET
from ops.store.layout import (
    ACTION_TABLE,
    ACTIONS,
    CROPS,
    RAW_ACTIONS,
)
from ops.store.tables import table_to_trace
from tests.unit.ops.stages.conftest import BATCH, NUM_FRAMES


def test_labels_have_a_row_per_frame_and_are_what_was_read(chain) -> None:
    store, units = chain
    raw, refined = (
        table_to_trace(store.read_table(f"{asset}/{BATCH}/good/{ACTION_TABLE}")) for asset in (RAW_ACTIONS, ACTIONS)
    )
    south = DATASET.index("south")
    assert np.flatnonzero(raw.buttons[:, south]).tolist() == [5, 10, 11, 12]
    assert np.flatnonzero(refined.buttons[:, south]).tolist() == [10, 11, 12]
    np.testing.assert_allclose(raw.pts_s, np.arange(NUM_FRAMES) / 30, atol=1e-4)
    assert units[CROPS][0].outcome.data["num_frames"] == raw.num_frames == refined.num_frames == NUM_FRAMES
    facts = units[ACTIONS][0].outcome.data
    read, fitted = 0.9, 1.5  # log odds are stated so many times higher than they are read
    stated = read**fitted / (read**fitted + (1 - read) ** fitted)
    assert facts["quality"]["south"] == pytest.approx(stated, abs=0.01) and 0 < facts["active_share"] <= 1
