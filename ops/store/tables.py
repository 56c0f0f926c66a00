"""Pad traces as tables: the columns of nvidia/NitroGen's `actions_*.parquet`, then ours.

One row per video frame. 17 button columns by name (int32; null = unknown), `j_left`, `j_right` as list<double>[2]
(x, y; y down; null = unknown), then `pts_s` and `confidence` (a struct with one float per control).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ops.gamepad import CONTROLS, DATASET_BUTTONS, Floats, PadTrace

#: A stick's row: x and y.
_STICK_AXES = 2
_STICK_TYPE = pa.list_(pa.float64())
ACTION_SCHEMA = pa.schema(
    [(button, pa.int32()) for button in DATASET_BUTTONS]
    + [("j_left", _STICK_TYPE), ("j_right", _STICK_TYPE), ("pts_s", pa.float64())]
    + [("confidence", pa.struct([(control, pa.float32()) for control in CONTROLS]))]
)


def trace_to_table(trace: PadTrace) -> pa.Table:
    """Return a trace as a table of `ACTION_SCHEMA`, one row per frame."""
    columns: list[pa.Array] = []
    for channel in range(len(DATASET_BUTTONS)):
        values = trace.buttons[:, channel]
        known = np.isfinite(values)
        columns.append(pa.array(np.where(known, values > 0.5, 0).astype(np.int32), mask=~known))
    columns.extend(_stick_column(trace.sticks[:, first : first + 2]) for first in (0, 2))
    columns.append(pa.array(trace.pts_s))
    confidence = [pa.array(trace.confidence[:, channel].astype(np.float32)) for channel in range(len(CONTROLS))]
    columns.append(pa.StructArray.from_arrays(confidence, names=list(CONTROLS)))
    return pa.Table.from_arrays(columns, schema=ACTION_SCHEMA)


def _stick_column(xy: Floats) -> pa.Array:
    known = np.isfinite(xy).all(axis=1)
    offsets = np.concatenate([[0], np.cumsum(np.where(known, 2, 0))]).astype(np.int32)
    values = pa.array(xy[known].astype(np.float64).reshape(-1))
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(~known), type=_STICK_TYPE)


def table_to_trace(table: pa.Table) -> PadTrace:
    """Return the trace that a table holds.

    Tolerates what published files hold: bool or integer buttons, list<int64> sticks, no `confidence` (then 1 where
    known). Published files have no `pts_s` either; whoever reads them knows their rate and adds the column.

    Raises:
        ValueError: a button or stick column, or `pts_s`, is missing; or a stick's row holds something else than two
            numbers.
    """
    missing = [name for name in (*DATASET_BUTTONS, "j_left", "j_right", "pts_s") if name not in table.column_names]
    if missing:
        raise ValueError(f"an action table needs the columns {', '.join(missing)}; it has {table.column_names}")
    rows = table.num_rows
    buttons = np.empty((rows, len(DATASET_BUTTONS)), dtype=np.float32)
    for channel, name in enumerate(DATASET_BUTTONS):
        buttons[:, channel] = table[name].cast(pa.float32()).to_numpy(zero_copy_only=False)
    sticks = np.concatenate([_stick_values(table[name], name) for name in ("j_left", "j_right")], axis=1)
    trace = PadTrace.known(table["pts_s"].to_numpy(), buttons, sticks)
    if "confidence" not in table.column_names:
        return trace
    struct = table["confidence"].combine_chunks()
    confidence = np.stack([np.asarray(struct.field(name), dtype=np.float32) for name in CONTROLS], axis=1)
    return PadTrace(trace.pts_s, buttons, sticks, confidence.reshape(rows, len(CONTROLS)))


def _stick_values(column: pa.ChunkedArray, name: str) -> Floats:
    """Return (num_frames, 2) x and y of a column of lists; NaN where a row is null.

    Raises:
        ValueError: a row holds something else than two numbers.
    """
    import pyarrow.compute as pc

    values = np.full((len(column), 2), np.nan, dtype=np.float32)
    if pa.types.is_null(column.type):
        return values
    if not _holds_numbers(column.type):
        raise ValueError(f"{name} holds {column.type}, expected lists of 2 numbers")
    known = column.is_valid().to_numpy(zero_copy_only=False).astype(bool)
    array = column.combine_chunks().drop_null()
    lengths = np.asarray(pc.list_value_length(array))
    if (lengths != _STICK_AXES).any():
        raise ValueError(f"{name} has a row of {lengths[lengths != _STICK_AXES][0]} values, expected 2")
    values[known] = array.flatten().cast(pa.float32()).to_numpy(zero_copy_only=False).reshape(-1, 2)
    return values


def _holds_numbers(kind: pa.DataType) -> bool:
    """Return whether a type is that of lists of numbers."""
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return False
    item = kind.value_type
    return bool(pa.types.is_integer(item) or pa.types.is_floating(item) or pa.types.is_null(item))
