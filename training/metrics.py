"""Rows of metrics: JSON lines in the run's checkpoints, and TensorBoard beside them where the store is local."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ops.store.storage import Store

#: Called with (step, steps of the run, row) for each row; shows progress.
Progress = Callable[[int, int, dict[str, Any]], None]


class Metrics:
    """Collects rows; a resumed run starts with those up to its checkpoint, so that no step occurs twice.

    Args:
        store: where the run is.
        run: the run's folder.
        rows: rows so far.
        enabled: False on workers that do not report.
    """

    def __init__(self, store: Store, run: str, rows: list[dict[str, Any]], enabled: bool) -> None:
        self.rows = list(rows)
        self._writer = None
        if enabled and store.is_local:  # its event files cannot be appended to in an object store
            from torch.utils.tensorboard import SummaryWriter

            folder = Path(store.uri(f"{run}/tensorboard"))
            self._writer = SummaryWriter(str(folder), purge_step=rows[-1]["step"] + 1 if rows else None)

    def add(self, row: dict[str, Any]) -> None:
        """Record a row; its `step` counts finished steps."""
        self.rows.append(row)
        if self._writer is not None:
            for name, value in row.items():
                if name != "step":
                    self._writer.add_scalar(name, value, row["step"])

    def close(self) -> None:
        """Flush."""
        if self._writer is not None:
            self._writer.close()
