"""A video that was put up again: the ledger names the first one, chunks leave it out, a takedown forgets it."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ops.crawl.catalog import Discovered, merge_discovered, read_catalog, write_catalog
from ops.crawl.duplicates import INDEX_KEY, find_duplicates, read_index
from ops.crawl.fingerprints import VERSION
from ops.crawl.optout import OptOut, add_optout
from ops.dataset.chunks import ChunkConfig, build_chunks, read_chunks
from ops.outcomes import Outcome
from ops.stages.fingerprints import fingerprint_video
from ops.store.batch import Stage, Unit, run_batch
from ops.store.layout import FINGERPRINTS, manifest_key
from ops.store.parallel import SerialMapper
from ops.store.storage import Store
from ops.store.tables import trace_to_table
from ops.takedown import take_down
from tests.factories.policy_data import make_trace
from tests.factories.scenes import scene

#: id -> (scene, first second, last second, frames per second, pixels of its side): "again" is "first", cut and small.
VIDEOS = {
    "first": (1, 0.0, 30.0, 12.0, 96),
    "other": (2, 0.0, 30.0, 12.0, 96),
    "again": (1, 6.4, 28.0, 10.0, 64),
    "third": (1, 0.0, 24.0, 15.0, 80),
}
BATCHES = {"batch-000001": ["first", "other"], "batch-000002": ["again", "third"]}


def write_crops(store: Store, batch: str, names: list[str]) -> None:
    """Write what `overlay/crops` and the labels of some videos would hold."""
    units = []
    for name in names:
        seed, start_s, stop_s, fps, side = VIDEOS[name]
        times_s = np.arange(start_s, stop_s, 1 / fps)
        pictures = (scene(seed, times_s) * 200 + 20).astype(np.uint8)
        with store.writing(f"overlay/crops/{batch}/{name}/game.mp4") as path:
            write_gray(path, pictures, fps, side)
        pts_s = times_s - start_s
        store.write_table(f"overlay/crops/{batch}/{name}/frames.parquet", pa.table({"pts_s": pts_s}))
        trace, _ = make_trace(len(times_s), fps, seed)
        store.write_table(f"labels/actions/{batch}/{name}/actions.parquet", trace_to_table(trace))
        units.append(Unit(name, Outcome.ok(num_frames=len(times_s))))
    for asset in ("raw/videos", "overlay/crops", "labels/actions"):
        store.write_json(manifest_key(asset, batch), {"units": [unit.to_record() for unit in units]})
    stage = Stage(FINGERPRINTS, VERSION)
    assert run_batch(store, stage, batch, units, fingerprint_video, SerialMapper()).counts["ok"] == len(names)


def write_gray(path: Path, pictures: np.ndarray, fps: float, side: int) -> None:
    import av

    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=int(fps), options={"crf": "30", "preset": "ultrafast"})
        stream.width = stream.height = side
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(side, side, format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, int(fps))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path / "data"))
    found = [Discovered(name, "list", f"http://site/{name}", channel=name) for name in VIDEOS]
    write_catalog(store, merge_discovered((), found, "2026-01-01", 2).videos)
    assert [row.batch for row in read_catalog(store)] == [batch for batch, names in BATCHES.items() for _ in names]
    return store


def named(store: Store) -> dict[str, str]:
    return {row.video_id: row.duplicate_of for row in read_catalog(store)}


def test_a_re_upload_is_named_left_out_and_forgotten_when_taken_down(store: Store) -> None:
    config = ChunkConfig(chunk_s=5.0, min_chunk_s=1.0, min_density=0.0, min_confidence=0.0)
    write_crops(store, "batch-000001", BATCHES["batch-000001"])
    first = find_duplicates(store, BATCHES)
    assert (first.num_looked_up, first.found) == (2, ())

    write_crops(store, "batch-000002", BATCHES["batch-000002"])
    report = find_duplicates(store, BATCHES)
    assert {(later, earlier) for later, earlier, _ in report.found} >= {("again", "first"), ("third", "first")}
    assert named(store) == {"first": "", "other": "", "again": "first", "third": "first"}
    before = store.read_bytes(INDEX_KEY)
    assert find_duplicates(store, BATCHES).num_looked_up == 0 and store.read_bytes(INDEX_KEY) == before

    build_chunks(store, "batch-000001", config)
    report = build_chunks(store, "batch-000002", config)
    assert (report.num_kept, report.reasons) == (0, {"duplicate: of first": report.num_chunks})
    assert all(chunk.kept for chunk in read_chunks(store, "batch-000001"))

    add_optout(store, OptOut("video", "first"), read_catalog(store))
    take_down(store)
    assert "first" not in read_index(store).names and set(read_index(store).names) == {"other", "again", "third"}
    assert build_chunks(store, "batch-000002", config).num_kept > 0, "nobody else shows it now"


def test_killed_between_index_and_ledger_it_ends_the_same(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for batch, names in BATCHES.items():
        write_crops(store, batch, names)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ops.crawl.duplicates._write_ledger", killed)
        with pytest.raises(KeyboardInterrupt):
            find_duplicates(store, BATCHES)
    assert set(named(store).values()) == {""}
    find_duplicates(store, BATCHES)
    assert named(store)["again"] == named(store)["third"] == "first"


def test_without_fingerprints_nothing_is_written(store: Store) -> None:
    assert find_duplicates(store, BATCHES).num_looked_up == 0
    assert not store.exists(INDEX_KEY) and read_index(store).names == ()
