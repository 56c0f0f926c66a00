"""What `tests/definitions/test_automation.py` does not say of sensors: many batches at once, and urgent ones."""

import dagster as dg
import pytest

from ops.crawl.catalog import Discovered, merge_discovered, read_catalog, write_catalog
from ops.store.storage import Store
from pipelines.definitions import build_definitions
from pipelines.sensors import new_batches


@pytest.fixture
def instance(store: Store, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OVERPLAY_HOME", store.root)
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def _tick(instance: dg.DagsterInstance, cursor: str | None = None):
    repository = build_definitions("test").get_repository_def()
    context = dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=repository)
    with dg.partition_loading_context(dynamic_partitions_store=instance):  # ephemeral ones bring no loader
        return new_batches.evaluate_tick(context)


def test_a_tick_asks_for_twenty_runs_and_the_next_for_the_rest(instance: dg.DagsterInstance) -> None:
    names = [f"batch-{number:06d}" for number in range(1, 24)]
    instance.add_dynamic_partitions("video_batch", names)
    first = _tick(instance)
    second = _tick(instance, first.cursor)
    assert [request.partition_key for request in first.run_requests] == names[:20]
    assert [request.partition_key for request in second.run_requests] == names[20:]
    third = _tick(instance, second.cursor)
    assert not third.run_requests and third.cursor == names[-1]


def test_batches_whose_videos_will_be_deleted_go_first(instance: dg.DagsterInstance, store: Store) -> None:
    found = [
        Discovered("youtube-a", "list", "https://www.youtube.com/watch?v=a"),
        Discovered("twitch-b", "list", "https://www.twitch.tv/videos/1"),
    ]
    write_catalog(store, merge_discovered((), found, "2026-01-01", 1).videos)
    batches = {video.video_id: video.batch for video in read_catalog(store)}
    instance.add_dynamic_partitions("video_batch", ["batch-000001", "batch-000002"])
    tags = {request.partition_key: request.tags.get("dagster/priority") for request in _tick(instance).run_requests}
    assert tags == {batches["youtube-a"]: None, batches["twitch-b"]: "10"}
