"""Where crawls look, and how: `raw/sources.json` in the store, which `overplay crawl` writes and people may edit.

Secrets are not in it: the cookie file's path comes from the environment of whoever crawls.
"""

import os
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ops.crawl import Source
from ops.storage import Store
from ops.ytdlp import CrawlOptions

SOURCES_KEY = "raw/sources.json"
#: Names a cookie file for sites that ask who one is.
COOKIE_VARIABLE = "OVERPLAY_COOKIE_FILE"
#: Options that a plan may set; the others are secret, or not for people to turn.
_OPTIONS = ("extractors", "generic_hosts", "max_height", "sleep_request_s", "sleep_download_s", "rate_bytes_per_s")


@dataclass(frozen=True)
class CrawlPlan:
    """What a crawl tick works through.

    Attributes:
        sources: looked at in this order.
        options: how sites are asked.
        batch_size: most videos in a new batch.
    """

    sources: tuple[Source, ...] = ()
    options: CrawlOptions = field(default_factory=CrawlOptions)
    batch_size: int = 50

    def with_sources(self, sources: tuple[Source, ...]) -> "CrawlPlan":
        """Return the plan with sources added; one with the same URL is replaced."""
        urls = {source.url for source in sources}
        return replace(self, sources=(*(old for old in self.sources if old.url not in urls), *sources))


def read_plan(store: Store, key: str = SOURCES_KEY) -> CrawlPlan:
    """Return a plan of the store; without sources where there is none yet.

    Raises:
        ValueError: the file has a field that plans do not have.
    """
    cookie_file = os.environ.get(COOKIE_VARIABLE, "")
    try:
        stored = store.read_json(key)
    except FileNotFoundError:
        return CrawlPlan(options=CrawlOptions(cookie_file=cookie_file))
    _refuse_unknown(stored, {"sources", "options", "batch_size"}, "")
    _refuse_unknown(stored.get("options", {}), set(_OPTIONS), "options.")
    for source in stored.get("sources", []):
        _refuse_unknown(source, {known.name for known in fields(Source)}, "sources.")
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in stored["options"].items()}
    return CrawlPlan(
        tuple(Source(**source) for source in stored.get("sources", [])),
        CrawlOptions(**options, cookie_file=cookie_file),
        stored.get("batch_size", CrawlPlan.batch_size),
    )


def write_plan(store: Store, plan: CrawlPlan, key: str = SOURCES_KEY) -> None:
    """Write a plan, its secrets left out."""
    options = {name: getattr(plan.options, name) for name in _OPTIONS}
    stored = {
        "sources": [asdict(source) for source in plan.sources],
        "options": options,
        "batch_size": plan.batch_size,
    }
    store.write_json(key, stored)


def _refuse_unknown(stored: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(stored) - known)
    if unknown:
        raise ValueError(f"{SOURCES_KEY}: unknown {where}{unknown[0]!r}; known are {', '.join(sorted(known))}")
