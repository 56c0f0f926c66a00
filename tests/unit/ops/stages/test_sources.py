import pytest

from assets.support.stages import broken_files
from assets.workers.drawing import has_source
from ops.outcomes import BadInputError, Outcome
from ops.stages.crops import CropVideo
from ops.stages.locations import LocateVideo
from ops.stages.sources import NEEDED_AGAIN, note_downloaded, reading_source, remove_sources, source_state
from ops.store.batch import Stage, Unit, Work, run_batch
from ops.store.layout import CROPS, LOCATIONS, VIDEOS
from ops.store.parallel import SerialMapper
from ops.store.storage import Store, sha256_file

BATCH = "batch-000001"
CROP = Stage(CROPS, "1")


def _download(work: Work) -> tuple[Outcome, dict[str, str]]:
    work.store.write_bytes(work.key("video.mp4"), work.unit.video_id.encode())
    with work.store.reading(work.key("video.mp4")) as path:
        return Outcome.ok(path="video.mp4"), {"video.mp4": sha256_file(path)}


def _crop(work: Work) -> tuple[Outcome, dict[str, str]]:
    if work.unit.video_id == "torn":
        raise BadInputError("torn")
    if work.unit.video_id == "small":
        return Outcome.rejected("too small"), {}
    with reading_source(work, work.unit.outcome.data["path"]) as path:
        return Outcome.ok(size=path.stat().st_size), {}


def _run(store: Store, stage: Stage, inputs, function, **options) -> tuple[tuple[Unit, ...], int]:
    report = run_batch(store, stage, BATCH, inputs, function, SerialMapper(), **options)
    return report.units, report.num_done


@pytest.fixture
def batch(tmp_path) -> tuple[Store, tuple[Unit, ...]]:
    """Return a store with four videos, and their downloads."""
    store = Store(str(tmp_path))
    found = [Unit(name, Outcome.ok()) for name in ("one", "small", "torn", "two")]
    videos, _ = _run(store, Stage(VIDEOS, "1"), found, _download)
    return store, videos


def _sources(store: Store) -> list[str]:
    return [key.split("/")[-2] for key in store.list(VIDEOS) if key.endswith(".mp4")]


def _rerun_downloads(store: Store, videos) -> tuple[tuple[Unit, ...], int]:
    found = [Unit(unit.video_id, Outcome.ok()) for unit in videos]
    needed = lambda unit: source_state(store, BATCH, unit.video_id) == "needed"  # noqa: E731
    return _run(store, Stage(VIDEOS, "1"), found, _download, outdated=needed)


def test_sources_of_committed_crops_go_and_no_others(batch) -> None:
    store, videos = batch
    crops, _ = _run(store, CROP, videos, _crop)
    assert remove_sources(store, BATCH, crops) == 2 and _sources(store) == ["small", "torn"]
    assert remove_sources(store, BATCH, crops) == 0
    assert [has_source(store, BATCH, unit) for unit in videos] == [False, True, True, False]
    assert broken_files(store, Stage(VIDEOS, "1"), BATCH, videos) == []
    assert _rerun_downloads(store, videos) == (videos, 0), "nothing is downloaded again"
    assert _run(store, CROP, videos, _crop)[1] == 1, "the torn one alone"


def test_a_source_that_nobody_removed_is_missing(batch) -> None:
    store, videos = batch
    store.remove(f"{VIDEOS}/{BATCH}/one/video.mp4")
    assert broken_files(store, Stage(VIDEOS, "1"), BATCH, videos) == [f"{VIDEOS}/{BATCH}/one/video.mp4: missing"]
    with pytest.raises(FileNotFoundError), reading_source(Work(store, f"{CROPS}/{BATCH}/one", videos[0]), "video.mp4"):
        pass


def test_a_kill_between_note_and_removal_is_made_up_for(batch, monkeypatch) -> None:
    store, videos = batch
    crops, _ = _run(store, CROP, videos, _crop)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "remove", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            remove_sources(store, BATCH, crops)
    assert len(_sources(store)) == 4 and source_state(store, BATCH, "one") == "removed"
    with reading_source(Work(store, f"{CROPS}/{BATCH}/one", videos[0]), "video.mp4") as path:
        assert path.exists()
    assert remove_sources(store, BATCH, crops) == 2


def test_stale_crops_have_their_source_downloaded_again(batch) -> None:
    store, videos = batch
    crops, _ = _run(store, CROP, videos, _crop)
    remove_sources(store, BATCH, crops)
    better = Stage(CROPS, "2")
    stale, _ = _run(store, better, videos, _crop, only=["one"])
    one = next(unit for unit in stale if unit.video_id == "one")
    assert one.outcome.kind == "failed" and one.outcome.reason.startswith(f"{NEEDED_AGAIN}: ")
    assert (source_state(store, BATCH, "one"), source_state(store, BATCH, "two")) == ("needed", "removed")
    again, num_downloaded = _rerun_downloads(store, videos)
    assert num_downloaded == 1 and _sources(store) == ["one", "small", "torn"]
    assert again == videos, "what was made of them stays current"
    note_downloaded(store, BATCH, "one")
    done, _ = _run(store, better, again, _crop, only=["one"])
    assert next(unit for unit in done if unit.video_id == "one").outcome.kind == "ok"
    assert remove_sources(store, BATCH, done) == 1


@pytest.mark.parametrize(
    ("asset", "function", "data"),
    [
        (LOCATIONS, LocateVideo((), "library", "c"), {"path": "video.mp4", "probe": None}),
        (CROPS, CropVideo("library", "c"), {"video": "video.mp4", "tracks": []}),
    ],
)
def test_both_stages_that_read_sources_ask_for_them(asset: str, function, data, batch, monkeypatch) -> None:
    from ops.media.probe import VideoProbe

    monkeypatch.setattr(VideoProbe, "from_dict", lambda _: None)
    store, videos = batch
    remove_sources(store, BATCH, videos)
    (unit,), _ = _run(store, Stage(asset, "1"), [Unit("one", Outcome.ok(**data))], function)
    assert unit.outcome.reason.startswith(f"{NEEDED_AGAIN}: ") and not unit.outcome.error
    assert source_state(store, BATCH, "one") == "needed"
