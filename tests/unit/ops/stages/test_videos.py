"""A batch of videos is downloaded: each ends in its outcome, and only failures are done again."""

import dataclasses
import pickle
import shutil

from ops.crawl.catalog import (
    batch_units,
    batch_urls,
    flag,
    read_catalog,
    write_catalog,
)
from ops.crawl.discovery import Source, crawl_tick
from ops.crawl.liveness import dead_videos
from ops.stages.videos import DownloadVideo, videos_stage
from ops.store.batch import run_batch
from ops.store.parallel import SerialMapper
from ops.store.storage import Store
from tests.factories.server import OPTIONS, Fault

NOW = "2026-01-01T00:00:00Z"


class TestStage:
    def run(self, store, options=OPTIONS, naps=None):
        videos = read_catalog(store)
        dead = frozenset(dead_videos(videos))
        download = DownloadVideo(options, batch_urls(videos, "batch-000001"), _no_sleep, dead=dead)
        function = pickle.loads(pickle.dumps(download))
        units = batch_units(videos, "batch-000001")
        return run_batch(store, videos_stage(options), "batch-000001", units, function, SerialMapper())

    def test_each_video_ends_in_its_outcome_and_only_failures_are_done_again(self, server, tmp_path):
        store = Store(str(tmp_path))
        crawl_tick(store, [Source(server.playlist_url)], OPTIONS, NOW)
        server.fail("/media/vp9.webm", *[Fault(404)] * 9)
        report = self.run(store)
        truncated, good, gone = sorted(report.units, key=lambda unit: unit.video_id)
        assert good.outcome.kind == "ok"
        data = good.outcome.data
        assert (data["channel"], data["game"], data["licence"], data["path"]) == ("Ann", "Doom", "CC0", "video.mp4")
        assert data["probe"]["num_frames"] == 60
        assert data["size_bytes"] == len(store.read_bytes("raw/videos/batch-000001/generic-h264/video.mp4"))
        assert (gone.outcome.kind, gone.outcome.reason.split(":")[0]) == ("failed", "gone"), "one look is not enough"
        assert (truncated.outcome.kind, truncated.outcome.reason.split(":")[0]) == ("failed", "truncated")
        assert truncated.outcome.error == ""
        assert not [key for key in store.list() if key.startswith("scratch/")]

        server.requests.clear()
        server.fail("/media/vp9.webm", *[Fault(404)] * 9)
        write_catalog(store, flag(read_catalog(store), ["generic-vp9"], alive=False))
        again = self.run(store)
        assert again.num_done == 2, "the truncated one, and the one that another look found gone as well"
        assert again.counts == {"ok": 1, "rejected": 1, "failed": 1}
        assert {path.rsplit("/")[-1].split(".")[0] for path in server.requests} == {"cutfast", "vp9"}
        assert self.run(store).num_done == 1, "what is gone for good is asked for no more"

    def test_passing_errors_fail_and_polite_settings_make_nothing_stale(self, server, tmp_path):
        store = Store(str(tmp_path))
        crawl_tick(store, [Source(server.page_url("h264"))], OPTIONS, NOW)
        server.fail("/media/h264.mp4", *[Fault(503)] * 30)
        failed = self.run(store).units[0].outcome
        assert (failed.kind, failed.reason.split(":")[0]) == ("failed", "network")
        server.faults.clear()
        assert self.run(store).counts["ok"] == 1
        slower = dataclasses.replace(OPTIONS, sleep_request_s=0.01, cookie_file="")
        assert self.run(store, slower).num_done == 0
        assert self.run(store, dataclasses.replace(OPTIONS, max_height=720)).num_done == 1

    def test_local_files_are_copied_and_left_alone(self, tmp_path, clips):
        store = Store(str(tmp_path / "home"))
        shutil.copytree(clips[0].path.parent, tmp_path / "in")
        crawl_tick(store, [Source(str(tmp_path / "in"))], OPTIONS, NOW)
        assert self.run(store).counts == {"ok": 2, "rejected": 0, "failed": 1}
        assert (tmp_path / "in" / "h264.mp4").exists()
        copied = store.read_bytes("raw/videos/batch-000001/h264/video.mp4")
        assert copied == (tmp_path / "in" / "h264.mp4").read_bytes()

    def test_an_opted_out_video_is_not_fetched(self, server, tmp_path):
        store = Store(str(tmp_path))
        crawl_tick(store, [Source(server.playlist_url)], OPTIONS, NOW)
        write_catalog(store, flag(read_catalog(store), ["generic-h264"], opt_out=True))
        server.requests.clear()
        assert "generic-h264" not in {unit.video_id for unit in self.run(store).units}
        assert "/media/h264.mp4" not in server.requests


def _no_sleep(seconds):
    return None
