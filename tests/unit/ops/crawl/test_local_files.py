"""Files of this machine: no two share an id, none changes its id, and a file that was moved is still the same."""

from pathlib import Path

import pytest

from ops.crawl.catalog import Discovered, Video, read_catalog
from ops.crawl.discovery import Source, crawl_tick
from ops.crawl.errors import CrawlError
from ops.crawl.local_files import list_files, settle_ids
from ops.crawl.optout import OptOut, add_optout
from ops.outcomes import Outcome
from ops.store.batch import Unit
from ops.store.layout import unit_key
from ops.store.storage import Store, sha256_file
from ops.takedown import take_down
from tests.factories.server import OPTIONS

NOW = "2026-01-01T00:00:00Z"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "data"))


def put(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def tick(store: Store, *folders: Path) -> dict[str, str]:
    """Crawl folders; return the id of each file of the ledger, by its path below the last two folders."""
    crawl_tick(store, [Source(str(folder)) for folder in folders], OPTIONS, NOW)
    return {"/".join(row.url.rsplit("/", 2)[-2:]): row.video_id for row in read_catalog(store)}


def test_files_of_one_name_have_ids_of_their_own_that_stay(store: Store, tmp_path: Path) -> None:
    folder = put(tmp_path / "in", "a/one.mp4", "b/one.mp4", "b/one.mkv", "a/two.mp4")
    ids = tick(store, folder)
    assert ids["a/one.mp4"] == "one" and ids["a/two.mp4"] == "two", "a name that comes first or once stays plain"
    assert len(set(ids.values())) == 4
    assert all(name.startswith("one-") for path, name in ids.items() if path.startswith("b/"))
    assert tick(store, folder / "b", folder / "a") == ids, "whatever the order in which they are found again"


def test_a_second_folder_of_a_later_crawl_mixes_nothing_up(store: Store, tmp_path: Path) -> None:
    first = tick(store, put(tmp_path / "in" / "a", "one.mp4"))
    both = tick(store, put(tmp_path / "in" / "b", "one.mp4"))
    assert both["a/one.mp4"] == first["a/one.mp4"] == "one"
    assert both["b/one.mp4"] != "one" and len(both) == 2


def test_an_opt_out_of_one_leaves_the_other(store: Store, tmp_path: Path) -> None:
    folder = put(tmp_path / "in", "a/one.mp4", "b/one.mp4")
    ids = tick(store, folder)
    add_optout(store, OptOut("video", "one"), read_catalog(store))
    take_down(store)
    tick(store, folder)
    rows = {row.video_id: row.opt_out for row in read_catalog(store)}
    assert rows == {"one": True, ids["b/one.mp4"]: False}


@pytest.mark.parametrize("same", [True, False])
def test_a_file_that_was_moved_keeps_its_id_and_another_in_its_place_does_not(
    store: Store, tmp_path: Path, same: bool
) -> None:
    old = put(tmp_path / "in" / "a", "one.mp4") / "one.mp4"
    tick(store, old.parent)
    unit = Unit("one", Outcome.ok(path="video.mp4"), "", {"video.mp4": sha256_file(old)})
    store.write_json(unit_key("raw/videos", "batch-000001", "one"), unit.to_record())
    new = tmp_path / "in" / "b" / "one.mp4"
    new.parent.mkdir()
    old.rename(new)
    if not same:
        new.write_bytes(b"another video")
    tick(store, new.parent)
    rows = read_catalog(store)
    if same:
        assert [(row.video_id, row.url) for row in rows] == [("one", new.as_uri())]
    else:
        assert len(rows) == 2 and rows[1].url == new.as_uri() and rows[0].video_id == "one" != rows[1].video_id


def test_a_file_and_a_video_of_a_site_do_not_share_an_id(store: Store) -> None:
    site = Discovered("youtube-x", "list", "https://youtu.be/x")
    file = Discovered("youtube-x", "folder", "file:///in/youtube-x.mp4")
    for order in ([site, file], [file, site]):
        assert len({video.video_id for video in settle_ids(store, (), order)}) == 2
    assert settle_ids(store, [Video(site.video_id, "list", site.url)], [file])[0].video_id != "youtube-x"
    row = Video(file.video_id, "folder", file.url)
    (settled,) = settle_ids(store, [row], [site])
    assert settled.video_id != "youtube-x"
    again = settle_ids(store, [row, Video(settled.video_id, "list", site.url)], [site])
    assert again == [settled]


def test_a_folder_lists_its_videos_alone_and_nothing_is_an_error(tmp_path: Path) -> None:
    folder = put(tmp_path, "b.MP4", "a.mp4", "notes.txt", "deep/c.webm")
    assert [path.name for path in list_files(folder)] == ["a.mp4", "b.MP4", "c.webm"]
    assert [path.name for path in list_files(folder / "notes.txt")] == ["notes.txt"], "named by itself it is tried"
    with pytest.raises(CrawlError, match="gone: no such file"):
        list(list_files(folder / "absent"))


def test_a_very_long_name_is_crawled(store: Store, tmp_path: Path) -> None:
    ids = tick(store, put(tmp_path / "in", "x" * 246 + ".mp4", "x" * 245 + "y.mp4"))
    assert len(set(ids.values())) == 2 and all(len(name) < 100 for name in ids.values())
