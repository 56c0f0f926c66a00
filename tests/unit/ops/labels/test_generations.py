import numpy as np
import pytest

from ops.gamepad import CONTROLS, PadTrace
from ops.labels.generations import (
    changed_controls,
    diff_generations,
    generation_id,
    held_units,
    keep,
    list_generations,
    pin,
    read_pins,
    restore,
)
from ops.outcomes import Outcome
from ops.store.batch import Unit
from ops.store.layout import ACTION_TABLE, ACTIONS, RAW_ACTIONS, UNIT, manifest_key, unit_key
from ops.store.storage import Store
from ops.store.tables import table_to_trace, trace_to_table

BATCH = "batch-000001"
NUM_FRAMES = 10


def trace(south: int = 0, left_x: float = 0.0) -> PadTrace:
    buttons = np.zeros((NUM_FRAMES, 17), np.float32)
    buttons[:south, CONTROLS.index("south")] = 1
    sticks = np.zeros((NUM_FRAMES, 4), np.float32)
    sticks[:, 0] = left_x
    return PadTrace.known(np.arange(NUM_FRAMES) / 30, buttons, sticks)


def label(store: Store, read: PadTrace) -> None:
    """Write one video's labels as both stages do."""
    for asset in (RAW_ACTIONS, ACTIONS):
        store.write_table(unit_key(asset, BATCH, "a", ACTION_TABLE), trace_to_table(read))
        unit = Unit("a", Outcome.ok(num_frames=NUM_FRAMES), str(read.buttons.sum()), {ACTION_TABLE: "hash"})
        store.write_json(unit_key(asset, BATCH, "a", UNIT), unit.to_record())
        store.write_json(manifest_key(asset, BATCH), {"stage": asset, "version": "1", "units": [unit.to_record()]})


@pytest.fixture
def store(tmp_path) -> Store:
    """Two generations of one video: the first presses south for three frames, the second for five."""
    store = Store(str(tmp_path))
    for generation, south in (("first", 3), ("second", 5)):
        label(store, trace(south))
        keep(store, BATCH, generation, {"parser": generation})
    return store


def south_frames(store: Store) -> float:
    labels = table_to_trace(store.read_table(unit_key(ACTIONS, BATCH, "a", ACTION_TABLE)))
    return float(labels.buttons[:, CONTROLS.index("south")].sum())


def test_each_generation_is_kept_and_can_be_gone_back_to(store: Store) -> None:
    assert list_generations(store) == {"first": (BATCH,), "second": (BATCH,)}
    assert south_frames(store) == 5
    restore(store, BATCH, "first")
    assert south_frames(store) == 3
    restore(store, BATCH, "second")
    assert south_frames(store) == 5


def test_a_generation_that_does_not_hold_a_batch_is_refused(store: Store) -> None:
    with pytest.raises(FileNotFoundError, match="does not hold batch-000009"):
        restore(store, "batch-000009", "first")


def test_a_difference_counts_frames_by_control(store: Store) -> None:
    diff = diff_generations(store, "first", "second", [BATCH])
    assert "south" in str(diff) and changed_controls(trace(3), trace(5)).sum() == 2


def test_sticks_that_are_nearly_alike_are_read_alike() -> None:
    assert not changed_controls(trace(), trace(left_x=0.05)).any()
    assert changed_controls(trace(), trace(left_x=0.5))[:, CONTROLS.index("left_stick")].all()


def test_a_pinned_batch_is_held(store: Store) -> None:
    assert held_units(store, BATCH, ACTIONS) is None
    pin(store, [BATCH], "first")
    assert read_pins(store) == {BATCH: "first"}
    held = held_units(store, BATCH, ACTIONS)
    assert held is not None and [unit.video_id for unit in held] == ["a"]


def test_an_id_follows_from_what_labels_are_made_by() -> None:
    assert generation_id({"parser": "a"}) == generation_id({"parser": "a"}) != generation_id({"parser": "b"})
