"""Where crawls look, and how: `raw/sources.json` in the store, which `overplay crawl` writes and people may edit.

Secrets are not in it: the cookie file's path comes from the environment of whoever crawls.
"""

import json
import os
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ops.crawl.discovery import Source
from ops.crawl.selection import NO_LIMITS, CrawlLimits
from ops.crawl.ytdlp import CrawlOptions
from ops.store.storage import Store

SOURCES_KEY = "raw/sources.json"
#: Names a cookie file for sites that ask who one is, or a folder with one for each worker.
COOKIE_VARIABLE = "OVERPLAY_COOKIE_FILE"
#: Arguments of extractors as JSON: PO tokens and clients, `{"youtube": {"po_token": ["web.gvs+..."]}}`.
EXTRACTOR_VARIABLE = "OVERPLAY_EXTRACTOR_ARGS"
#: Options that a plan may set; the others are secret, or not for people to turn.
_OPTIONS = (
    "extractors",
    "generic_hosts",
    "max_height",
    "probe_height",
    "sleep_request_s",
    "sleep_download_s",
    "rate_bytes_per_s",
    "js_runtimes",
)


@dataclass(frozen=True)
class CrawlPlan:
    """What a crawl tick works through.

    Attributes:
        sources: looked at in this order.
        options: how sites are asked.
        batch_size: most videos in a new batch.
        limits: what is taken of what is found.
    """

    sources: tuple[Source, ...] = ()
    options: CrawlOptions = field(default_factory=CrawlOptions)
    batch_size: int = 50
    limits: CrawlLimits = NO_LIMITS

    def with_sources(self, sources: tuple[Source, ...]) -> "CrawlPlan":
        """Return the plan with sources added; one with the same URL is replaced."""
        urls = {source.url for source in sources}
        return replace(self, sources=(*(old for old in self.sources if old.url not in urls), *sources))


def read_plan(store: Store, key: str = SOURCES_KEY) -> CrawlPlan:
    """Return a plan of the store; without sources where there is none yet.

    Raises:
        ValueError: the file has a field that plans do not have.
    """
    secrets = _read_secrets()
    try:
        stored = store.read_json(key)
    except FileNotFoundError:
        return CrawlPlan(options=CrawlOptions(**secrets))
    _refuse_unknown(stored, {"sources", "options", "batch_size", "limits"}, "")
    _refuse_unknown(stored.get("limits", {}), {known.name for known in fields(CrawlLimits)}, "limits.")
    _refuse_unknown(stored.get("options", {}), set(_OPTIONS), "options.")
    for source in stored.get("sources", []):
        _refuse_unknown(source, {known.name for known in fields(Source)}, "sources.")
    return CrawlPlan(
        tuple(Source(**source) for source in stored.get("sources", [])),
        CrawlOptions(**_with_tuples(stored.get("options", {})), **secrets),
        stored.get("batch_size", CrawlPlan.batch_size),
        CrawlLimits(**_with_tuples(stored.get("limits", {}))),
    )


def _with_tuples(stored: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}


def _read_secrets() -> dict[str, Any]:
    """Return the options that are in the environment alone.

    Raises:
        ValueError: the extractor arguments are not of the form {"youtube": {"po_token": ["web+..."]}}.
    """
    text = os.environ.get(EXTRACTOR_VARIABLE, "")
    try:
        arguments = {name: dict(values) for name, values in json.loads(text or "{}").items()}
    except (ValueError, AttributeError, TypeError) as error:  # the text itself is a secret
        raise ValueError(
            f'{EXTRACTOR_VARIABLE}: expected JSON such as {{"youtube": {{"po_token": ["..."]}}}}'
        ) from error
    packed = tuple(
        (name, tuple((key, tuple(values)) for key, values in sorted(keys.items())))
        for name, keys in sorted(arguments.items())
    )
    return {"cookie_file": os.environ.get(COOKIE_VARIABLE, ""), "extractor_args": packed}


def write_plan(store: Store, plan: CrawlPlan, key: str = SOURCES_KEY) -> None:
    """Write a plan, its secrets left out."""
    options = {name: getattr(plan.options, name) for name in _OPTIONS}
    stored = {
        "sources": [asdict(source) for source in plan.sources],
        "options": options,
        "batch_size": plan.batch_size,
    }
    if plan.limits != NO_LIMITS:
        stored["limits"] = asdict(plan.limits)
    store.write_json(key, stored)


def _refuse_unknown(stored: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(stored) - known)
    if unknown:
        raise ValueError(f"{SOURCES_KEY}: unknown {where}{unknown[0]!r}; known are {', '.join(sorted(known))}")
