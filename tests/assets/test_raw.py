from pathlib import Path

import dagster as dg
import pytest

from assets.raw import catalog, videos
from assets.workers.sources import SOURCES_KEY, CrawlPlan, read_plan, write_plan
from ops.crawl.discovery import Source
from ops.crawl.ytdlp import CrawlOptions
from ops.store.batch import read_batch
from ops.store.layout import CATALOG, VIDEOS
from ops.store.storage import Store
from pipelines.demo.server import ClipPage, serve_clips
from tests.assets.conftest import BATCH, metadata_of
from tests.factories.media import write_clip


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    whole = write_clip(folder / "good.mp4")
    (folder / "torn.mp4").write_bytes(whole.read_bytes()[:3000])
    return folder


def plan_for(*urls: str) -> CrawlPlan:
    options = CrawlOptions(generic_hosts=("127.0.0.1",), sleep_request_s=0, sleep_download_s=(0, 0))
    return CrawlPlan(tuple(Source(url) for url in urls), options, batch_size=2)


def test_a_site_is_crawled_into_a_batch_and_a_second_tick_finds_nothing(
    clips: Path, store: Store, materialize, instance: dg.DagsterInstance
) -> None:
    pages = [ClipPage(path, path.stem, "someone", game="Doom") for path in sorted(clips.glob("*.mp4"))]
    with serve_clips(pages) as server:
        write_plan(store, plan_for(server.playlist_url, f"{server.url}nothing-here"))
        first = metadata_of(materialize([catalog]), CATALOG)
        second = metadata_of(materialize([catalog]), CATALOG)
        result = materialize([videos], partition_key=BATCH)
    assert (first["num_new"], second["num_new"]) == (2, 0)
    assert first["num_errors"] == 1
    assert instance.get_dynamic_partitions("video_batch") == [BATCH]
    metadata = metadata_of(result, VIDEOS)
    assert (metadata["num_ok"], metadata["num_failed"]) == (1, 1)
    assert metadata["failed_by_reason"] == {"truncated": 1}
    assert "| generic-good | ok | h264 | 160 x 96 |" in metadata["preview"]
    unit = next(unit for unit in read_batch(store, VIDEOS, BATCH) if unit.outcome.kind == "ok")
    assert unit.outcome.data["game"] == "Doom"


def test_without_sources_nothing_happens(materialize) -> None:
    result = materialize([catalog])
    assert metadata_of(result, CATALOG)["dagster/row_count"] == 0


def test_a_folder_fills_as_many_batches_as_it_needs(
    clips: Path, tmp_path: Path, store: Store, materialize, instance: dg.DagsterInstance
) -> None:
    for number in range(3):
        (tmp_path / f"clip-{number}.mp4").write_bytes((clips / "good.mp4").read_bytes())
    write_plan(store, plan_for(str(tmp_path)))
    materialize([catalog])
    assert instance.get_dynamic_partitions("video_batch") == [BATCH, "batch-000002"]


def test_plans_keep_no_secrets_and_refuse_what_they_do_not_know(store: Store, monkeypatch) -> None:
    monkeypatch.setenv("OVERPLAY_COOKIE_FILE", "/secret/cookies.txt")
    plan = CrawlPlan((Source("https://example.org/list"),), CrawlOptions(cookie_file="/secret/cookies.txt"))
    write_plan(store, plan)
    assert b"secret" not in store.read_bytes(SOURCES_KEY)
    assert read_plan(store) == plan
    store.write_json(SOURCES_KEY, {"sources": [{"url": "x", "gmae": "Doom"}], "options": {}})
    with pytest.raises(ValueError, match=r"unknown sources\.'gmae'; known are game"):
        read_plan(store)
