from ops.nitrogen.exporter import export_labels
from ops.nitrogen.importer import import_labels
from ops.outcomes import Outcome
from ops.store.batch import Unit
from ops.store.layout import PUBLISHED, manifest_key
from ops.store.storage import Store
from ops.store.tables import trace_to_table
from tests.factories.policy_data import make_trace


def test_exports_are_deterministic_and_say_what_they_leave_out(tmp_path):
    store, trace = Store(str(tmp_path / "store")), make_trace(130, 30.0, 0)[0]
    units = [Unit(name, Outcome.ok(family="ps5")) for name in ("a", "b", "torn")]
    store.write_json(manifest_key("labels/actions", "x"), {"units": [unit.to_record() for unit in units]})
    for unit in units:
        store.write_table(f"labels/actions/x/{unit.video_id}/actions.parquet", trace_to_table(trace))
    store.write_table("labels/raw_actions/x/torn/actions.parquet", trace_to_table(trace[:5]))
    reports = [export_labels(store, ["x"], Store(str(tmp_path / name)), max_shard_bytes=1) for name in ("one", "two")]
    assert reports[0] == reports[1]
    assert (reports[0].num_videos, reports[0].num_chunks) == (2, 2)
    assert "5 rows of raw labels, 130 of processed" in reports[0].skipped["torn"]
    files = sorted((tmp_path / "one" / "actions").iterdir())
    assert [file.name for file in files[:2]] == ["SHARD_0000.tar.gz", "SHARD_0001.tar.gz"]
    assert all(file.read_bytes() == (tmp_path / "two" / "actions" / file.name).read_bytes() for file in files)
    back = import_labels(Store(str(tmp_path / "again")), files[0])
    assert Store(str(tmp_path / "again")).read_json(f"{PUBLISHED}/{back.batch}/a/unit.json")["data"]["family"] == "ps5"
