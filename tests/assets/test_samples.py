"""The whole lineage up to shards on published skins over other games, where those clips are."""

from pathlib import Path

import pytest

from assets.dataset import chunks, shards
from assets.labels import actions, raw_actions
from assets.overlay import crops, locations, templates
from assets.parser import checkpoint, synthetic
from assets.raw import catalog, videos
from assets.workers.sources import write_plan
from ops.store.batch import read_batch
from ops.store.layout import ACTIONS, LOCATIONS, SHARDS
from ops.store.storage import Store
from ops.store.tables import table_to_trace
from ops.truth.recordings import list_recordings
from ops.truth.scores import score_trace
from pipelines.instance import REPOSITORY
from tests.assets.conftest import BATCH, metadata_of
from tests.assets.test_raw import plan_for
from tests.factories.library import use_small_library

SAMPLES = REPOSITORY.parent / "shared" / "samples"
SHOWN, PLAIN = "doom-dualsense", "supertux-no-overlay"


@pytest.mark.samples
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no sample clips in ../shared/samples")
def test_published_skins_go_through_the_lineage(
    materialize, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_small_library(monkeypatch, ("ps4-flat-01",))
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in (SHOWN, PLAIN):
        (folder / f"{name}.mp4").symlink_to(SAMPLES / f"{name}.mp4")
    write_plan(store, plan_for(str(folder)))
    known = {"ops": {"overlay__templates": {"config": {"folders": [str(SAMPLES / "templates")]}}}}
    materialize([catalog, templates, synthetic, checkpoint], run_config=known)
    lineage = [videos, locations, crops, raw_actions, actions, chunks, shards]
    result = materialize(lineage, partition_key=BATCH)
    found = metadata_of(result, LOCATIONS)
    assert (found["num_ok"], found["num_rejected"], found["num_failed"]) == (1, 1, 0)
    (unit,) = read_batch(store, ACTIONS, BATCH)
    read = table_to_trace(store.read_table(f"{ACTIONS}/{BATCH}/{unit.video_id}/actions.parquet"))
    (recording,) = [recording for recording in list_recordings(SAMPLES) if recording.video.stem == SHOWN]
    scores = score_trace(read, recording.truth)
    assert scores.accuracy > 0.98, scores.to_dict()
    assert scores.press_f1 > 0.9, scores.to_dict()
    assert metadata_of(result, SHARDS)["dagster/partition_row_count"] >= 1
