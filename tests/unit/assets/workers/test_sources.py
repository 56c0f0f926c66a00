import json

import pytest

from assets.workers.sources import COOKIE_VARIABLE, EXTRACTOR_VARIABLE, SOURCES_KEY, CrawlPlan, read_plan, write_plan
from ops.crawl.discovery import Source
from ops.crawl.selection import CrawlLimits
from ops.crawl.ytdlp import CrawlOptions
from ops.store.storage import Store


@pytest.fixture(autouse=True)
def _no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(COOKIE_VARIABLE, raising=False)
    monkeypatch.delenv(EXTRACTOR_VARIABLE, raising=False)


def test_a_store_without_a_plan_has_an_empty_one(store: Store) -> None:
    assert read_plan(store) == CrawlPlan()


def test_a_plan_comes_back_as_it_was_written(store: Store) -> None:
    plan = CrawlPlan(
        (Source("https://a.test/x", game="Doom"),),
        CrawlOptions(generic_hosts=("a.test",), max_height=480, sleep_download_s=(1.0, 2.0)),
        7,
        CrawlLimits(min_s=60, licences=("cc by",)),
    )
    write_plan(store, plan)
    assert read_plan(store) == plan


def test_secrets_come_from_the_environment_and_are_not_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COOKIE_VARIABLE, "cookies.txt")
    monkeypatch.setenv(EXTRACTOR_VARIABLE, '{"youtube": {"po_token": ["web+secret"]}}')
    plan = read_plan(store)
    assert plan.options.cookie_file == "cookies.txt"
    assert plan.options.extractor_args == (("youtube", (("po_token", ("web+secret",)),)),)
    write_plan(store, plan)
    text = store.read_bytes(SOURCES_KEY).decode()
    assert "cookies.txt" not in text and "secret" not in text


def test_a_refused_secret_is_not_shown(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EXTRACTOR_VARIABLE, "hush")
    with pytest.raises(ValueError, match=f"{EXTRACTOR_VARIABLE}: expected JSON") as caught:
        read_plan(store)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "stored, named",
    [
        ({"source": []}, "'source'"),
        ({"options": {"cookie_file": "x"}}, "options.'cookie_file'"),
        ({"limits": {"hours": 1}}, "limits.'hours'"),
        ({"sources": [{"url": "x", "gme": "Doom"}]}, "sources.'gme'"),
    ],
)
def test_unknown_fields_are_named(store: Store, stored: dict, named: str) -> None:
    store.write_bytes(SOURCES_KEY, json.dumps(stored).encode())
    with pytest.raises(ValueError, match="unknown") as caught:
        read_plan(store)
    assert named in str(caught.value)


def test_a_source_with_a_known_address_replaces_the_old_one() -> None:
    plan = CrawlPlan((Source("a"), Source("b"))).with_sources((Source("a", game="Doom"),))
    assert [(source.url, source.game) for source in plan.sources] == [("b", ""), ("a", "Doom")]
