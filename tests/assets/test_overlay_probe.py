"""Before a download, keyframes of a small format say whether there is an overlay to download for."""

import dataclasses
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from assets.overlay import templates
from assets.raw import catalog, videos
from assets.workers.sources import CrawlPlan, write_plan
from ops.crawl.discovery import Source
from ops.crawl.ytdlp import CrawlOptions
from ops.store.batch import Unit, read_batch
from ops.store.layout import VIDEOS
from ops.store.storage import Store
from pipelines.demo.server import ClipPage
from tests.assets.conftest import BATCH
from tests.factories.library import use_small_library
from tests.factories.overlays import place, write_overlay_clip
from tests.factories.server import BadServer, Fault, serve_badly

SKIN = "ps4-flat-01"
TIMES_S = np.arange(12) / 6
OPTIONS = CrawlOptions(sleep_request_s=0, sleep_download_s=(0, 0))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[ClipPage]:
    """Return clips with and without an overlay, each large and small."""
    folder = tmp_path_factory.mktemp("two-formats")
    for name, skin in (("pad", SKIN), ("plain", None)):
        for height in (720, 360):
            scale = height / 720
            overlay = place(skin, 400 * scale, 800 * scale, 420 * scale) if skin else None
            size = (1280 * height // 720, height)
            write_overlay_clip(folder / f"{name}-{height}.mp4", overlay, TIMES_S, size, gop=2)
    return [ClipPage(path, path.stem, "someone") for path in sorted(folder.glob("*.mp4"))]


@contextmanager
def two_formats(clips: list[ClipPage], monkeypatch: pytest.MonkeyPatch, small: Callable[[str, str], dict[str, Any]]):
    """Run a site with two formats of each video; `small(url of the media, name)` is how the lower one is had."""
    from yt_dlp.extractor.common import InfoExtractor

    import ops.crawl.ytdlp

    with serve_badly(clips) as server:

        class FakeTwoIE(InfoExtractor):
            _VALID_URL = r"https?://two\.example/(?P<id>\w+)"

            def _real_extract(self, url: str) -> dict:
                name, media = self._match_id(url), f"{server.url}media/"
                kind = {"ext": "mp4", "vcodec": "avc1", "acodec": "none"}
                formats = [
                    {"height": 360, "format_id": "360", **kind, **small(media, name)},
                    {"height": 720, "format_id": "720", **kind, "url": f"{media}{name}-720.mp4"},
                ]
                return {"id": name, "title": name, "uploader": "someone", "formats": formats}

        guarded = ops.crawl.ytdlp._guarded_class()

        def make(parameters: dict, hosts: object) -> object:
            del parameters["allowed_extractors"]
            session = guarded(parameters, None, auto_init=False)
            session.add_info_extractor(FakeTwoIE(session))
            return session

        monkeypatch.setattr(ops.crawl.ytdlp, "_guarded_class", lambda: make)
        yield server


@pytest.fixture
def site(clips: list[ClipPage], monkeypatch: pytest.MonkeyPatch):
    """Run a site whose lower format is a file, as large sites have."""
    with two_formats(clips, monkeypatch, lambda media, name: {"url": f"{media}{name}-360.mp4"}) as server:
        yield server


def units(store: Store) -> dict[str, Unit]:
    return {unit.video_id.rpartition("-")[2]: unit for unit in read_batch(store, VIDEOS, BATCH)}


def assert_looked_at(store: Store, site: BadServer, small: str) -> None:
    """Check that the small file of the plain video was fetched and the large one was not, and the other video was."""
    found = units(store)
    assert found["pad"].outcome.kind == "ok" and found["pad"].outcome.data["probe"]["height"] == 720
    assert (found["plain"].outcome.kind, found["plain"].outcome.reason.split(":")[0]) == ("rejected", "no overlay")
    assert "/media/plain-720.mp4" not in site.requests and small in site.requests


def test_what_shows_no_overlay_is_not_downloaded_until_there_are_other_templates(
    site: BadServer, store: Store, materialize, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_small_library(monkeypatch, [SKIN])
    sources = tuple(Source(f"https://two.example/{name}") for name in ("pad", "plain"))
    write_plan(store, CrawlPlan(sources, OPTIONS))
    materialize([catalog])
    materialize([templates])
    materialize([videos], partition_key=BATCH)
    assert_looked_at(store, site, "/media/plain-360.mp4")

    site.requests.clear()
    materialize([videos], partition_key=BATCH)
    assert site.requests == [], "both are settled"

    use_small_library(monkeypatch, [SKIN, "switch-solid-01"])
    materialize([templates])
    materialize([videos], partition_key=BATCH)
    assert {path.split("/")[-1] for path in site.requests} == {"plain-360.mp4"}, "looked at with the new templates"

    write_plan(store, CrawlPlan(sources, dataclasses.replace(OPTIONS, probe_height=0)))
    materialize([videos], partition_key=BATCH)
    assert units(store)["plain"].outcome.kind == "ok", "without the look everything is downloaded"


def test_without_templates_or_answers_everything_is_downloaded(site: BadServer, store: Store, materialize) -> None:
    write_plan(store, CrawlPlan((Source("https://two.example/plain"),), OPTIONS))
    materialize([catalog])
    materialize([videos], partition_key=BATCH)
    assert units(store)["plain"].outcome.kind == "ok"
    assert "/media/plain-360.mp4" not in site.requests


def test_a_small_format_that_cannot_be_read_decides_nothing(
    site: BadServer, store: Store, materialize, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_small_library(monkeypatch, [SKIN])
    write_plan(store, CrawlPlan((Source("https://two.example/plain"),), OPTIONS))
    materialize([catalog])
    materialize([templates])
    site.fail("/media/plain-360.mp4", *[Fault(404)] * 9)
    materialize([videos], partition_key=BATCH)
    assert units(store)["plain"].outcome.kind == "ok"


@pytest.fixture(scope="module")
def segmented(clips: list[ClipPage], tmp_path_factory: pytest.TempPathFactory) -> list[ClipPage]:
    """Return the clips, and the lower ones as six segments with an HLS playlist."""
    folder = tmp_path_factory.mktemp("segments")
    for name, skin in (("pad", SKIN), ("plain", None)):
        overlay = place(skin, 200, 400, 210) if skin else None
        lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1"]
        for number in range(6):
            write_overlay_clip(folder / f"{name}-{number}.ts", overlay, TIMES_S[:3], (640, 360), gop=2)
            lines += ["#EXTINF:0.5,", f"{name}-{number}.ts"]
        (folder / f"{name}-list.m3u8").write_text("\n".join([*lines, "#EXT-X-ENDLIST"]))
    return clips + [ClipPage(path, path.stem, "someone") for path in sorted(folder.iterdir())]


def _hls(media: str, name: str) -> dict[str, Any]:
    return {"url": f"{media}{name}-list.m3u8", "protocol": "m3u8_native"}


def _dash(media: str, name: str) -> dict[str, Any]:
    fragments = [{"path": f"{name}-{number}.ts", "duration": 0.5} for number in range(6)]
    known = {"protocol": "http_dash_segments", "fragment_base_url": media, "fragments": fragments}
    return {"url": f"{media}manifest.mpd", **known}


@pytest.mark.parametrize("small", [_hls, _dash])
def test_of_a_video_in_segments_some_are_looked_at(
    small, segmented: list[ClipPage], store: Store, materialize, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_small_library(monkeypatch, [SKIN])
    with two_formats(segmented, monkeypatch, small) as site:
        write_plan(store, CrawlPlan(tuple(Source(f"https://two.example/{name}") for name in ("pad", "plain")), OPTIONS))
        materialize([catalog])
        materialize([templates])
        materialize([videos], partition_key=BATCH)
    assert_looked_at(store, site, "/media/plain-3.ts")
