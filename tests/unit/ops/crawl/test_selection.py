"""What a crawl takes of what it finds."""

from dataclasses import replace

import pytest

from ops.crawl.catalog import Discovered, is_urgent, merge_discovered, urgent_batches
from ops.crawl.selection import CrawlLimits, select

DAY_1, DAY_2, DAY_3 = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"
HOUR = 3600.0


def found(number: int, **facts) -> Discovered:
    return Discovered(f"site-{number}", "list", f"http://site/{number}", **facts)


@pytest.mark.parametrize(
    ("limits", "facts", "reason"),
    [
        (CrawlLimits(min_s=60), {"duration_s": 59.0}, "too short"),
        (CrawlLimits(min_s=60), {"duration_s": None}, ""),
        (CrawlLimits(max_s=60), {"duration_s": 61.0}, "too long"),
        (CrawlLimits(languages=("en", "de")), {"language": "fr"}, "language"),
        (CrawlLimits(languages=("en",)), {"language": "en-GB"}, ""),
        (CrawlLimits(languages=("en",)), {"language": ""}, ""),
        (CrawlLimits(licences=("creative commons", "cc")), {"licence": "CC BY"}, ""),
        (CrawlLimits(licences=("creative commons",)), {"licence": ""}, "licence"),
        (CrawlLimits(hours_per_game=0.5), {"game": "Doom", "duration_s": HOUR}, "enough of its game"),
        (CrawlLimits(genre_hours={"shooter": 0.5}), {"genre": "shooter", "duration_s": HOUR}, "enough of its genre"),
        (CrawlLimits(genre_hours={"shooter": 0.5}), {"genre": "racing", "duration_s": HOUR}, ""),
    ],
)
def test_what_is_refused_has_its_reason(limits: CrawlLimits, facts: dict, reason: str) -> None:
    wanted, refused = select((), [found(1, **facts)], limits)
    assert refused == ({reason: 1} if reason else {})
    assert len(wanted) == (0 if reason else 1)


def test_hours_count_the_ledger_and_each_new_video_once() -> None:
    limits = CrawlLimits(hours_per_creator=3.0)
    ledger = merge_discovered((), [found(1, channel="Ann", duration_s=2 * HOUR)], DAY_1).videos
    new = [found(number, channel="Ann", duration_s=HOUR) for number in (1, 2, 3)] + [found(4, channel="Bob")]
    wanted, refused = select(ledger, new, limits)
    assert [video.video_id for video in wanted] == ["site-1", "site-2", "site-4"], "known ones always pass"
    assert refused == {"enough of its creator": 1}
    gone = tuple(replace(video, opt_out=True) for video in ledger)
    assert len(select(gone, [found(5, channel="Ann", duration_s=3 * HOUR)], limits)[0]) == 1


def test_a_creator_with_two_names_is_one() -> None:
    limits = CrawlLimits(hours_per_creator=1.5)
    new = [found(n, channel=f"Ann {n}", channel_id="UC1", duration_s=HOUR) for n in (1, 2)]
    assert select((), new, limits)[1] == {"enough of its creator": 1}


@pytest.mark.parametrize("wrong", [{"min_s": -1}, {"min_s": 9, "max_s": 5}, {"assumed_s": 0}])
def test_impossible_limits_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="limits"):
        CrawlLimits(**wrong)


def test_what_its_site_deletes_soon_fills_the_first_batch() -> None:
    vod = Discovered("twitchvod-9", "s", "https://www.twitch.tv/videos/9")
    ledger = merge_discovered((), [found(1), found(2), vod, found(3)], DAY_1, batch_size=2).videos
    assert [video.video_id for video in ledger] == ["twitchvod-9", "site-1", "site-2", "site-3"]
    assert is_urgent(ledger[0]) and urgent_batches(ledger) == {"batch-000001"}
