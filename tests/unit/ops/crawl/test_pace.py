"""A session has no more of a site than the site is known to allow, counted over all processes of a machine."""

from pathlib import Path

import pytest

from ops.crawl import pace
from ops.crawl.errors import CrawlError
from ops.crawl.pace import Bound, site_of, wait_for_turn

URL = "https://www.youtube.com/watch?v=x"


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.setitem(pace.BOUNDS, "youtube", (Bound(3, 100.0), Bound(5, 10_000.0)))
    return Clock()


def test_bounds_are_kept_by_waiting_a_little_and_by_giving_up_on_more(clock: Clock, tmp_path: Path) -> None:
    start = clock.now
    for _ in range(3):
        wait_for_turn(URL, "s", clock.sleep, clock, tmp_path)
    assert clock.now == start
    wait_for_turn(URL, "s", clock.sleep, clock, tmp_path)
    assert clock.now == start + 100.0
    wait_for_turn(URL, "s", clock.sleep, clock, tmp_path)
    with pytest.raises(CrawlError, match="had its share") as caught:
        wait_for_turn(URL, "s", clock.sleep, clock, tmp_path)
    assert caught.value.kind == "throttled" and not caught.value.permanent


def test_each_session_has_its_own_share_and_other_sites_have_no_bound(clock: Clock, tmp_path: Path) -> None:
    for session in ("a", "b"):
        for _ in range(3):
            wait_for_turn(URL, session, clock.sleep, clock, tmp_path)
    for _ in range(50):
        wait_for_turn("https://clips.example/x", "a", clock.sleep, clock, tmp_path)
    assert clock.now == Clock.now


def test_the_bounds_are_below_what_is_known_to_be_punished() -> None:
    hour, day = pace.BOUNDS["youtube"]
    assert hour.most < 300 and hour.span_s == 3600 and day.most < 600


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://youtu.be/x", "youtube"),
        ("https://m.youtube.com/watch?v=x", "youtube"),
        ("https://notyoutube.com/x", "notyoutube.com"),
        ("http://127.0.0.1:80/x", "127.0.0.1"),
    ],
)
def test_hosts_of_a_site_are_one_site(url: str, site: str) -> None:
    assert site_of(url) == site
