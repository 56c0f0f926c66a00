"""The funnel adds up, presses and confidence are counted where known, and the card says so in the hubs' form."""

import dataclasses
import itertools

import numpy as np
import pytest

from ops.crawl.catalog import Discovered, flag, merge_discovered, write_catalog
from ops.dataset.card import build_card, describe, write_readme
from ops.dataset.chunks import Chunk, build_chunks
from ops.dataset.figures import games_by_hours
from ops.dataset.statistics import (
    NOT_DONE,
    STAGES,
    Statistics,
    batch_statistics,
    collect_statistics,
    count_trace,
    merge,
)
from ops.gamepad import CONTROLS, DATASET_BUTTONS, PadTrace
from ops.outcomes import Outcome
from ops.store.batch import Unit
from ops.store.layout import manifest_key
from ops.store.storage import Store
from ops.store.tables import trace_to_table
from tests.factories.media import write_clip

BATCH = "batch-000001"
NAMES = ("a", "b", "c", "d", "e", "f")


def make_trace(seconds=40, active_share=0.75, fps=10):
    """Return a trace whose first part presses south; `guide` is unknown and the right stick is never seen."""
    rows = seconds * fps
    buttons = np.zeros((rows, len(DATASET_BUTTONS)), np.float32)
    buttons[: int(rows * active_share), DATASET_BUTTONS.index("south")] = 1
    buttons[:, DATASET_BUTTONS.index("guide")] = np.nan
    sticks = np.zeros((rows, 4), np.float32)
    sticks[:, 2:] = np.nan
    trace = PadTrace.known(np.arange(rows) / fps, buttons, sticks)
    confidence = np.where(trace.confidence > 0, 0.9, 0).astype(np.float32)
    return PadTrace(trace.pts_s, trace.buttons, trace.sticks, confidence)


def write_stage(store, asset, outcomes):
    units = [Unit(video_id, outcome, asset) for video_id, outcome in sorted(outcomes.items())]
    store.write_json(manifest_key(asset, BATCH), {"units": [unit.to_record() for unit in units]})


@pytest.fixture
def store(tmp_path):
    """Six videos of 40 s: one opted out, one torn, one without overlay, one unread, one idle in half, one whole."""
    store = Store(str(tmp_path))
    found = [Discovered(name, "s", f"http://x/{name}", duration_s=30.0) for name in NAMES]
    write_catalog(store, flag(merge_discovered((), found, "now").videos, ["a"], opt_out=True))

    def facts(name):
        return Outcome.ok(
            path="video.mp4",
            channel="<b>ann|",
            game="Doom" if name == "f" else "",
            genre="shooter",
            licence="CC0",
            probe={"duration_s": 40.0},
        )

    failed = Outcome("failed", "truncated: half of it")
    track = {"box": [8, 8, 40, 24], "template_id": "line", "score": 0.9, "family": "ps4"}
    located = Outcome.ok(tracks=[track])
    write_stage(store, "raw/videos", {name: failed if name == "b" else facts(name) for name in "bcdef"})
    write_stage(
        store,
        "overlay/locations",
        {name: Outcome.rejected("no overlay: 3 inliers") if name == "c" else located for name in "cdef"},
    )
    write_stage(store, "overlay/crops", {name: Outcome.ok(family="ps4") for name in "def"})
    write_stage(store, "labels/raw_actions", {name: Outcome.ok() for name in "ef"})
    write_stage(store, "labels/actions", {name: Outcome.ok() for name in "ef"})
    for name, share in (("e", 0.5), ("f", 1.0)):
        table = trace_to_table(make_trace(active_share=share))
        store.write_table(f"labels/actions/{BATCH}/{name}/actions.parquet", table)
    build_chunks(store, BATCH)
    return store


def test_the_funnel_names_each_loss_once_and_adds_up(store):
    statistics = collect_statistics(store, [BATCH])
    videos = {stage: statistics.funnel[stage].videos for stage in STAGES}
    assert videos == {"found": 6, "downloaded": 4, "located": 3, "cropped": 3, "read": 2, "kept": 2}
    reasons = {stage: {name: part.videos for name, part in lost.items()} for stage, lost in statistics.lost.items()}
    assert reasons["downloaded"] == {"opted out": 1, "failed: truncated": 1}
    assert reasons["located"] == {"rejected: no overlay": 1}
    assert reasons["read"] == {NOT_DONE: 1}
    assert reasons["kept"] == {"dropped: idle": 1}
    assert statistics.funnel["found"].seconds == 180
    assert statistics.funnel["read"].seconds == 80
    assert statistics.funnel["kept"].seconds == pytest.approx(60)
    for before, after in itertools.pairwise(STAGES[:-1]):
        lost = sum(part.videos for part in statistics.lost[after].values())
        assert statistics.funnel[before].videos == statistics.funnel[after].videos + lost


def test_kept_hours_are_told_by_what_they_are_of(store):
    kept = collect_statistics(store, [BATCH]).kept_seconds
    assert kept["game"] == {"unknown": pytest.approx(20), "Doom": pytest.approx(40)}
    assert kept["genre"] == {"shooter": pytest.approx(60)}
    assert kept["family"] == {"ps4": pytest.approx(60)}
    assert sum(kept["split"].values()) == pytest.approx(60)


def test_shares_are_of_the_frames_that_know(store):
    statistics = collect_statistics(store, [BATCH])
    assert statistics.num_frames == 800
    assert statistics.idle_share == pytest.approx(0.25)
    assert statistics.press_share("south") == pytest.approx(0.75)
    assert statistics.press_share("east") == 0
    assert statistics.press_share("guide") is None
    assert statistics.press_share("right_stick") is None


def test_the_confidence_curve_falls_from_all_frames_to_none(store):
    statistics = Statistics()
    count_trace(statistics, make_trace(seconds=1))
    curve = dict(statistics.confidence_curve())
    assert curve[0.0] == 1.0
    assert curve[0.88] == pytest.approx(1.0)
    assert curve[0.92] == 0.0
    values = list(curve.values())
    assert values == sorted(values, reverse=True)
    unknown = make_trace(seconds=1)
    none = dataclasses.replace(unknown, confidence=np.zeros((unknown.num_frames, len(CONTROLS)), np.float32))
    count_trace(statistics, none)
    assert dict(statistics.confidence_curve())[0.5] == pytest.approx(0.5)


def test_batches_add_up_and_records_come_back(store):
    part = collect_statistics(store, [BATCH])
    assert Statistics.from_record(part.to_record()) == part
    double = merge([part, part])
    assert double.num_frames == 2 * part.num_frames
    assert double.funnel["kept"].seconds == pytest.approx(2 * part.funnel["kept"].seconds)
    assert double.idle_share == part.idle_share
    assert merge([]).funnel["found"].videos == 0


def test_an_unchanged_batch_is_not_read_again_and_a_changed_one_is(store, monkeypatch):
    import ops.dataset.statistics

    read = []
    monkeypatch.setattr(
        ops.dataset.statistics, "batch_statistics", lambda *args: read.append(1) or batch_statistics(*args)
    )
    first = collect_statistics(store, [BATCH])
    assert collect_statistics(store, [BATCH]) == first
    assert len(read) == 1
    write_stage(store, "labels/actions", {name: Outcome.ok(again=1) for name in "ef"})
    collect_statistics(store, [BATCH])
    assert len(read) == 2


def test_a_batch_where_nothing_ran_is_all_not_done(tmp_path):
    store = Store(str(tmp_path))
    write_catalog(store, merge_discovered((), [Discovered("a", "s", "u", duration_s=5.0)], "now").videos)
    statistics = collect_statistics(store, [BATCH])
    assert statistics.lost["downloaded"] == {NOT_DONE: dataclasses.replace(statistics.funnel["found"])}
    assert statistics.idle_share is None
    assert describe(statistics)["press_share"]["south"] is None


_PICTURES = {f"{name}.png" for name in ("funnel", "games", "genres", "presses", "confidence", "located")}


def test_the_card_is_written_once_and_is_the_same_from_the_same_data(store, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", num_frames=5)
    store.write_bytes(f"raw/videos/{BATCH}/e/video.mp4", clip.read_bytes())
    store.write_bytes(f"raw/videos/{BATCH}/f/video.mp4", b"no video any more")
    report = build_card(store, [BATCH])
    assert report.changed
    assert all(picture.startswith(b"\x89PNG") for picture in report.pictures.values())
    assert set(report.pictures) == _PICTURES
    files = {key: store.read_bytes(key) for key in store.list("dataset/card")}
    again = build_card(store, [BATCH])
    assert not again.changed
    assert (again.readme, again.pictures) == (report.readme, report.pictures)
    store.remove("dataset/card")
    build_card(store, [BATCH])
    assert {key: store.read_bytes(key) for key in store.list("dataset/card")} == files


def test_the_readme_has_front_matter_and_takes_no_markup_from_names(store):
    import yaml

    statistics = collect_statistics(store, [BATCH])
    statistics.kept_seconds["game"]["Evil | <script>alert(1)</script> [x](y)"] = 3600.0
    text = write_readme(statistics, "test set", ("funnel.png",))
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["size_categories"] == ["n<1K"]
    assert front["pretty_name"] == "test set"
    assert "<script>" not in text
    assert "![funnel](funnel.png)" in text
    assert "failed: truncated (1, 0.01 h)" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(line.replace("\\|", "").count("|") in (3, 4, 5) for line in rows)


def test_a_chunk_of_a_lost_video_is_not_counted(store):
    table = [chunk for chunk in _read(store) if chunk.video_id == "f"]
    assert len(table) == 2
    write_stage(store, "labels/actions", {"e": Outcome.ok(), "f": Outcome("failed", "x")})
    assert collect_statistics(store, [BATCH]).funnel["kept"].videos == 1


def _read(store) -> list[Chunk]:
    from ops.dataset.chunks import read_chunks

    return read_chunks(store, BATCH)


def test_games_are_counted_by_their_hours():
    hours = {"a": 0.5, "b": 1, "c": 9.9, "d": 10, "e": 100, "f": 999, "g": 1000, "h": 5000}
    statistics = Statistics()
    statistics.kept_seconds["game"] = {name: 3600 * value for name, value in hours.items()}
    assert list(games_by_hours(statistics).values()) == [1, 2, 1, 2, 2]
    assert describe(statistics)["games_by_hours"]["1 to 10 h"] == 2
    assert "| 1 to 10 h | 2 |" in write_readme(statistics, "x", ())
