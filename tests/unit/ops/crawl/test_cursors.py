"""Sources that list new videos first: whatever happens during a look, a later one finds what is still missing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import ops.crawl.discovery
from ops.crawl.catalog import Discovered, merge_discovered, read_catalog, write_catalog
from ops.crawl.discovery import Source, crawl_tick, read_cursors
from ops.crawl.errors import CrawlError, ErrorKind
from ops.crawl.selection import CrawlLimits
from ops.store.storage import Store
from tests.factories.server import OPTIONS

SOURCE = Source("https://site/list", newest_first=True)


class Site:
    """Lists videos by number, the newest (highest) first; what is in `broken` fails there."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.numbers: list[int] = []
        self.list_fails_after: int | None = None
        self.broken: dict[int, ErrorKind] = {}
        self.cut_after: int | None = None
        self.num_listed = 0
        patch.setattr(ops.crawl.discovery, "_list_site", self.listing)

    def listing(self, source, options, known, sleep, found) -> Iterator[Discovered]:
        for place, number in enumerate(sorted(self.numbers, reverse=True)):
            if place == self.list_fails_after:
                raise CrawlError("network", "timed out")
            if place == self.cut_after:
                return
            self.num_listed += 1
            if number in self.broken and f"v{number}" not in known:
                found.errors.append((f"https://site/{number}", CrawlError(self.broken[number], "broken")))
                continue
            yield Discovered(f"v{number}", source.url, f"https://site/{number}", duration_s=60.0 * number)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(monkeypatch)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def tick(store: Store, source: Source = SOURCE, **options) -> set[int]:
    crawl_tick(store, [source], OPTIONS, "2026-01-01T00:00:00Z", **options)
    return {int(row.video_id[1:]) for row in read_catalog(store)}


def test_a_list_that_fails_halfway_is_read_to_its_end_by_the_next_tick(site: Site, store: Store) -> None:
    site.numbers, site.list_fails_after = list(range(10)), 4
    assert tick(store) == {9, 8, 7, 6} and "anchors" not in read_cursors(store)[SOURCE.url]
    site.list_fails_after = None
    assert tick(store) == set(range(10))


def test_a_failure_of_a_later_look_keeps_the_place_of_the_last_complete_one(site: Site, store: Store) -> None:
    site.numbers = list(range(5))
    tick(store)
    site.numbers, site.list_fails_after = list(range(15)), 4
    assert tick(store) == {*range(5), 14, 13, 12, 11}
    site.numbers, site.list_fails_after = list(range(20)), None
    assert tick(store) == set(range(20))
    site.num_listed = 0
    tick(store)
    assert site.num_listed == 1, "nothing new: one look at the newest"


@pytest.mark.parametrize("kind", ["network", "throttled", "bot_wall", "unknown", "live", "gone"])
def test_a_single_video_that_fails_for_now_is_asked_again(site: Site, store: Store, kind: ErrorKind) -> None:
    site.numbers, site.broken = list(range(5)), {2: kind}
    assert tick(store) == {0, 1, 3, 4}
    site.broken = {}
    assert tick(store) == set(range(5))


def test_a_single_video_that_is_refused_for_good_does_not_hold_the_source_up(site: Site, store: Store) -> None:
    site.numbers, site.broken = list(range(5)), {2: "private"}
    tick(store)
    site.num_listed = 0
    tick(store)
    assert site.num_listed == 1


def test_a_limit_holds_for_the_first_look_and_loses_no_later_video(site: Site, store: Store) -> None:
    limited = Source(SOURCE.url, newest_first=True, limit=3)
    site.numbers = list(range(10))
    assert tick(store, limited) == {9, 8, 7}
    site.numbers = list(range(18))
    assert tick(store, limited) == set(range(7, 18))


def test_a_newest_video_that_was_deleted_does_not_start_the_list_anew(site: Site, store: Store) -> None:
    site.numbers = list(range(10))
    tick(store)
    site.numbers, site.num_listed = [*range(9), 10, 11], 0
    assert tick(store) == set(range(12)) and site.num_listed == 3


def test_a_list_that_ends_too_early_without_a_word_is_no_complete_look(site: Site, store: Store) -> None:
    site.numbers = list(range(5))
    tick(store)
    site.numbers, site.cut_after = list(range(50)), 10
    tick(store)
    site.cut_after = None
    assert tick(store) == set(range(50))


def test_a_video_that_another_source_knew_does_not_end_the_look(site: Site, store: Store) -> None:
    write_catalog(store, merge_discovered((), [Discovered("v9", "search", "https://site/9")], "now").videos)
    site.numbers = list(range(10))
    assert tick(store) == set(range(10))


def test_wider_limits_find_what_narrow_ones_refused(site: Site, store: Store) -> None:
    site.numbers = list(range(10))
    assert tick(store, limits=CrawlLimits(max_s=120.0)) == {0, 1, 2}
    assert tick(store, limits=CrawlLimits(max_s=300.0)) == set(range(6))
    assert tick(store) == set(range(10))
