import pytest

from assets.support.metadata import add_up, batch_metadata, folder_metadata, md_picture, md_table, outcome_table
from ops.outcomes import Outcome
from ops.store.batch import BatchReport, Unit

FAILED = Unit("b", Outcome("failed", "network: cut"))
UNITS = (Unit("c", Outcome.ok()), Unit("a", Outcome.rejected("no overlay: 3 inliers")), FAILED)


def test_counts_of_several_batches_are_added_up() -> None:
    reports = {"b1": BatchReport(UNITS, num_done=2, wall_s=4.0), "b2": BatchReport(UNITS, num_done=0, wall_s=1.0)}
    metadata = batch_metadata(reports, "data/x/y")
    assert (metadata["num_ok"], metadata["num_rejected"], metadata["num_failed"]) == (2, 2, 2)
    assert metadata["rejected_by_reason"].value == {"no overlay": 2}
    assert metadata["dagster/partition_row_count"] == 6
    assert metadata["items_per_s"] == pytest.approx(2 / 5)
    assert "preview" not in metadata


def test_nothing_done_has_no_rate() -> None:
    metadata = batch_metadata({}, "data/x/y", "**none**")
    assert metadata["items_per_s"] == 0
    assert "outcomes" not in metadata
    assert metadata["preview"].value == "**none**"


def test_a_folder_keeps_its_numbers() -> None:
    metadata = folder_metadata("data/x", 1, 2.00049, {"loss": 0.25})
    assert metadata == {"dagster/uri": "data/x", "num_done": 1, "wall_s": 2.0, "loss": 0.25}


def test_sums_are_sorted_by_name() -> None:
    assert list(add_up([{"b": 1, "a": 2}, {"a": 3}]).items()) == [("a", 5), ("b", 1)]


def test_what_did_not_go_well_comes_first() -> None:
    records = outcome_table(UNITS).records
    assert [record.data["outcome"] for record in records] == ["failed", "rejected", "ok"]


def test_a_table_has_short_numbers_and_one_line_a_row() -> None:
    text = md_table([{"name": "a|b\nc", "share": 0.123456}, {"name": None, "share": 3}])
    assert text == "| name | share |\n|---|---|\n| a/b c | 0.1235 |\n|  | 3 |\n"
    assert md_table([]) == "_nothing to show_\n"


def test_a_picture_needs_no_other_file() -> None:
    text = md_picture(b"\x89PNG\r\n\x1a\n", "Look")
    assert text.startswith("**Look**\n\n![Look](data:image/png;base64,")
