"""What a request means, and the list that holds it."""

from pathlib import Path

import pytest

from ops.crawl.catalog import Discovered
from ops.crawl.optout import OptOut, add_optout, opted_out
from ops.store.storage import Store, to_json

NOW = "2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("optout", "video", "meant"),
    [
        (OptOut("video", "youtube-x"), {"video_id": "youtube-x"}, True),
        (OptOut("video", "https://youtu.be/x"), {"url": "https://youtu.be/x"}, True),
        (OptOut("video", "youtube-x"), {"video_id": "youtube-xy"}, False),
        (OptOut("channel", "Ann"), {"channel": "Ann"}, True),
        (OptOut("channel", "Ann"), {"channel": "Anna"}, False),
        (OptOut("channel", "https://www.youtube.com/channel/UC1"), {"channel_id": "UC1"}, True),
        (OptOut("channel", "Ann", channel_ids=("UC1",)), {"channel": "Ann has a new name", "channel_id": "UC1"}, True),
        (OptOut("creator", "@ann  B"), {"channel": "Ann b"}, True),
        (OptOut("creator", "ann"), {"channel": ""}, False),
        (OptOut("channel", "Ann"), {"channel": ""}, False),
    ],
)
def test_what_a_request_means(optout: OptOut, video: dict, meant: bool) -> None:
    facts = {"video_id": "youtube-1", "source": "s", "url": "u"} | video
    assert opted_out(Discovered(**facts), [optout]) is meant


def test_a_request_needs_a_name_and_a_kind() -> None:
    with pytest.raises(ValueError, match="empty name"):
        OptOut("channel", " ")
    with pytest.raises(ValueError, match="kind"):
        OptOut("person", "Ann")  # type: ignore[arg-type]


def test_the_list_is_stable(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    add_optout(store, OptOut("channel", "Ann", added=NOW), [])
    first = store.read_bytes("raw/optout.json")
    add_optout(store, OptOut("channel", "Ann", added="later"), [])
    assert store.read_bytes("raw/optout.json") == first == to_json(store.read_json("raw/optout.json"))
