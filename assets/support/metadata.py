"""What a materialization says about itself, in one shape for all assets (R23): Dagster's keys, then ours.

Numbers stay numbers, so that the UI draws them over time; pictures travel inside `preview` as Markdown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from ops.drawing.pictures import data_uri
from ops.store.batch import BatchReport, Unit

Metadata = dict[str, Any]

#: Rows of the outcome table that one event carries; the rest is in the batch's manifest.
_MAX_ROWS = 200
#: Its end says where and what; the whole is in the unit's record.
_MAX_TRACEBACK = 1500


def batch_metadata(reports: Mapping[str, BatchReport], uri: str, preview: str = "") -> Metadata:
    """Return the metadata of a stage run over batches.

    Args:
        reports: what `run_batch` said, by batch.
        uri: folder of the asset in the store.
        preview: Markdown with tables and pictures; empty for none.
    """
    units = [unit for report in reports.values() for unit in report.units]
    wall_s = sum(report.wall_s for report in reports.values())
    num_done = sum(report.num_done for report in reports.values())
    counts = add_up(report.counts for report in reports.values())
    metadata: Metadata = {
        "dagster/partition_row_count": len(units),
        "dagster/uri": uri,
        "num_ok": counts.get("ok", 0),
        "num_rejected": counts.get("rejected", 0),
        "num_failed": counts.get("failed", 0),
        "rejected_by_reason": dg.MetadataValue.json(add_up(report.reasons("rejected") for report in reports.values())),
        "failed_by_reason": dg.MetadataValue.json(add_up(report.reasons("failed") for report in reports.values())),
        "num_done": num_done,
        "wall_s": round(wall_s, 3),
        "items_per_s": round(num_done / wall_s, 3) if num_done and wall_s > 0 else 0.0,
    }
    if units:
        metadata["outcomes"] = outcome_table(units)
    if preview:
        metadata["preview"] = dg.MetadataValue.md(preview)
    return metadata


def folder_metadata(
    uri: str, num_done: int, wall_s: float, facts: Mapping[str, float | int | str], preview: str = ""
) -> Metadata:
    """Return the metadata of an asset that is one folder.

    Args:
        uri: the folder.
        num_done: 1 if it was made now, 0 if it was there already.
        wall_s: how long that took.
        facts: the figures that a person compares over time; numbers stay numbers.
        preview: Markdown with tables and pictures; empty for none.
    """
    metadata: Metadata = {"dagster/uri": uri, "num_done": num_done, "wall_s": round(wall_s, 3), **facts}
    if preview:
        metadata["preview"] = dg.MetadataValue.md(preview)
    return metadata


def add_up(counts: Any) -> dict[str, int]:
    """Return the sums of several counts, by sorted name."""
    total: dict[str, int] = {}
    for count in counts:
        for name, number in count.items():
            total[name] = total.get(name, 0) + number
    return dict(sorted(total.items()))


def outcome_table(units: Sequence[Unit]) -> dg.TableMetadataValue:
    """Return what became of each video, those that did not go well first."""
    order = {"failed": 0, "rejected": 1, "ok": 2}
    rows = sorted(units, key=lambda unit: (order[unit.outcome.kind], unit.video_id))[:_MAX_ROWS]
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "video_id": unit.video_id,
                    "outcome": unit.outcome.kind,
                    "reason": unit.outcome.reason,
                    "traceback": unit.outcome.error[-_MAX_TRACEBACK:],
                }
            )
            for unit in rows
        ]
    )


def md_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a Markdown table; numbers short, cells on one line."""
    if not rows:
        return "_nothing to show_\n"
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|" + "|".join("---" for _ in names) + "|"]
    lines.extend("| " + " | ".join(_cell(row.get(name)) for name in names) + " |" for row in rows)
    return "\n".join(lines) + "\n"


def md_picture(image: bytes, title: str) -> str:
    """Return a PNG or JPEG as a Markdown picture that needs no other file."""
    return f"**{title}**\n\n![{title}]({data_uri(image)})\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value).replace("|", "/").replace("\n", " ")
