"""Where the stages of the lineage keep their files: each asset key and file name, once."""

from __future__ import annotations

from typing import Final

from ops.gamepad import PadTrace
from ops.store.batch import Work
from ops.store.storage import sha256_file
from ops.store.tables import trace_to_table

VIDEOS: Final = "raw/videos"
LOCATIONS: Final = "overlay/locations"
CROPS: Final = "overlay/crops"
RAW_ACTIONS: Final = "labels/raw_actions"
ACTIONS: Final = "labels/actions"
#: The labels of one video, in `labels/raw_actions` and in `labels/actions`.
ACTION_TABLE: Final = "actions.parquet"


def sibling(work: Work, asset: str, name: str) -> str:
    """Return the key of a file that another stage wrote for the same video."""
    batch, video_id = work.folder.split("/")[-2:]
    return f"{asset}/{batch}/{video_id}/{name}"


def write_trace(work: Work, trace: PadTrace) -> str:
    """Write a trace as the unit's action table; return its sha256."""
    work.store.write_table(work.key(ACTION_TABLE), trace_to_table(trace))
    with work.store.reading(work.key(ACTION_TABLE)) as path:
        return sha256_file(path)
