from pathlib import Path

from ops.crawl.catalog import read_catalog
from ops.store.storage import Store
from pipelines.instance import dagster_home, open_instance
from tests.factories.media import write_clip


def test_crawl_adds_sources_and_partitions(run, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    write_clip(folder / "one.mp4")
    first = run("crawl", folder, "--game", "Doom")
    assert first.exit_code == 0, first.output
    assert "1 found, 1 new; new batches: batch-000001" in first.output
    assert "0 new; new batches: none" in run("crawl").output
    (video,) = read_catalog(store)
    assert (video.video_id, video.game) == ("one", "Doom")
    with open_instance(dagster_home(store)) as instance:
        assert instance.get_dynamic_partitions("video_batch") == ["batch-000001"]
