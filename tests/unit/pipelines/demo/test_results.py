import dataclasses

import numpy as np
import pytest

from ops.gamepad import DATASET, PadTrace
from ops.outcomes import Outcome
from ops.store.batch import Unit
from ops.store.storage import Store
from ops.store.tables import trace_to_table
from pipelines.demo.results import STAGES, ClipResult, _clip_result, _units

BATCH = "batch-000001"
CLIP = {"name": "one", "file": "one.mp4", "box": [10, 10, 100, 50], "expected": "ok", "truth": "one.parquet"}
VIDEO = "generic-one"


def _trace() -> PadTrace:
    buttons = np.zeros((30, DATASET.num_buttons), np.float32)
    buttons[10:20, DATASET.index("south")] = 1
    return PadTrace.known(np.arange(30) / 30, buttons, np.zeros((30, 4), np.float32))


def _fill(store: Store, outcomes: dict[str, Outcome]) -> dict[str, list[tuple[str, Unit]]]:
    for stage in STAGES:
        units = [Unit(VIDEO, outcomes[stage])] if stage in outcomes else []
        store.write_json(f"{stage}/{BATCH}/manifest.json", {"units": [unit.to_record() for unit in units]})
    return {stage: list(_units(store, stage, [BATCH])) for stage in STAGES}


def test_a_clip_ends_where_its_last_unit_is(store: Store, tmp_path) -> None:
    found = _fill(store, {"raw/videos": Outcome.ok(), "overlay/locations": Outcome.rejected("no overlay: 3")})
    result = _clip_result(store, CLIP, tmp_path, found)
    assert (result.stage, result.batch, result.outcome.outcome.kind) == ("overlay/locations", BATCH, "rejected")
    assert result.trace is None and result.scores is None
    assert not result.as_expected
    assert dataclasses.replace(result, clip=CLIP | {"expected": "rejected"}).as_expected
    assert result.row()["reason"] == "no overlay: 3"


def test_labels_are_scored_against_the_truth_beside_the_clip(store: Store, tmp_path) -> None:
    import pyarrow.parquet as pq

    table = trace_to_table(_trace())
    pq.write_table(table, tmp_path / "one.parquet")
    store.write_table(f"labels/actions/{BATCH}/{VIDEO}/actions.parquet", table)
    tracks = [{"box": [12, 10, 97, 50]}]
    outcomes = {stage: Outcome.ok() for stage in STAGES} | {"overlay/locations": Outcome.ok(tracks=tracks)}
    result = _clip_result(store, CLIP, tmp_path, _fill(store, outcomes))
    row = result.row()
    assert result.as_expected
    assert (row["button accuracy"], row["press F1"], row["box off by px"]) == (1, 1, 3)


@pytest.mark.parametrize("tracks", [None, []])
def test_a_box_that_was_not_found_is_off_by_nothing_known(tracks: list | None) -> None:
    location = None if tracks is None else Unit(VIDEO, Outcome.ok(tracks=tracks))
    result = ClipResult(CLIP, BATCH, Unit(VIDEO, Outcome.ok()), STAGES[1], Unit(VIDEO, Outcome.ok()), location)
    assert result.row()["box off by px"] is None
