"""Which of the videos that a crawl found are wanted: length, language, licence, and hours per game, creator and genre.

What is turned away is told by reason and not put into the ledger, so that wider limits find it at the next tick.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ops.crawl.catalog import Discovered, Video


@dataclass(frozen=True)
class CrawlLimits:
    """What a crawl takes; 0 and empty are no limit.

    Attributes:
        min_s: shortest video, seconds; those of unknown length pass.
        max_s: longest.
        hours_per_game: of videos in the ledger and new ones together.
        hours_per_creator: likewise, by `channel_id`, or by `channel` where a site gives no id.
        genre_hours: how many hours of each genre are wanted; a genre that is not named has no limit.
        languages: as sites say it, by the start (`en` takes `en-GB`); those of unknown language pass.
        licences: words, one of which the licence must contain; with any named, no licence is a refusal.
        assumed_s: length of a video whose site does not say, for the hours above.
    """

    min_s: float = 0.0
    max_s: float = 0.0
    hours_per_game: float = 0.0
    hours_per_creator: float = 0.0
    genre_hours: Mapping[str, float] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    assumed_s: float = 1200.0

    def __post_init__(self) -> None:
        numbers = [self.min_s, self.max_s, self.hours_per_game, self.hours_per_creator, *self.genre_hours.values()]
        if min(numbers) < 0 or self.assumed_s <= 0 or (self.max_s and self.max_s < self.min_s):
            raise ValueError(f"limits: expected numbers from 0 and min_s <= max_s, got {self}")


NO_LIMITS: Final = CrawlLimits()


def select(
    ledger: Iterable[Video], found: Sequence[Discovered], limits: CrawlLimits
) -> tuple[list[Discovered], dict[str, int]]:
    """Return the found videos that are wanted or known already, in their order, and how many were refused by reason.

    Args:
        ledger: counts against the hours, those that opted out left out.
        found: by a crawl.
        limits: what is wanted.
    """
    known: set[str] = set()
    hours: dict[tuple[str, str], float] = defaultdict(float)
    for video in ledger:
        known.add(video.video_id)
        if not video.opt_out:
            _count(hours, video, limits)
    wanted: list[Discovered] = []
    refused: Counter[str] = Counter()
    for found_video in found:
        if found_video.video_id not in known:
            reason = _refusal(found_video, limits) or _full(hours, found_video, limits)
            if reason:
                refused[reason] += 1
                continue
            known.add(found_video.video_id)
            _count(hours, found_video, limits)
        wanted.append(found_video)
    return wanted, dict(sorted(refused.items()))


def _refusal(video: Discovered, limits: CrawlLimits) -> str:
    if video.duration_s is not None:
        if video.duration_s < limits.min_s:
            return "too short"
        if limits.max_s and video.duration_s > limits.max_s:
            return "too long"
    if limits.languages and video.language and not video.language.lower().startswith(limits.languages):
        return "language"
    if limits.licences and not any(word.lower() in video.licence.lower() for word in limits.licences):
        return "licence"
    return ""


def _budgets(video: Discovered, limits: CrawlLimits) -> list[tuple[str, str, float]]:
    """Return (what, which, most hours) that a video counts against."""
    creator = video.channel_id or video.channel
    budgets = [
        ("game", video.game, limits.hours_per_game),
        ("creator", creator, limits.hours_per_creator),
        ("genre", video.genre, limits.genre_hours.get(video.genre, 0.0)),
    ]
    return [(what, which, most) for what, which, most in budgets if which and most]


def _hours(video: Discovered, limits: CrawlLimits) -> float:
    return (limits.assumed_s if video.duration_s is None else video.duration_s) / 3600


def _count(hours: dict[tuple[str, str], float], video: Discovered, limits: CrawlLimits) -> None:
    for what, which, _ in _budgets(video, limits):
        hours[what, which] += _hours(video, limits)


def _full(hours: Mapping[tuple[str, str], float], video: Discovered, limits: CrawlLimits) -> str:
    for what, which, most in _budgets(video, limits):
        if hours.get((what, which), 0.0) + _hours(video, limits) > most:
            return f"enough of its {what}"
    return ""
