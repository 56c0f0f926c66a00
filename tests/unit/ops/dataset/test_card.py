"""The card says what is there, in a form that no name can break, and is written only when it changed."""

import io

import pytest
from PIL import Image

from ops.crawl.catalog import batch_ids, read_catalog
from ops.dataset.card import build_card, contact_sheet, describe, write_readme
from ops.dataset.statistics import Amount, Statistics
from ops.store.layout import CARD
from ops.store.storage import Store
from tests.factories.policy_data import make_dataset


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(str(tmp_path))
    make_dataset(store, num_train=1, num_val=1, seconds=4, chunk_s=2)
    return store


def test_names_from_strangers_cannot_break_a_table():
    statistics = Statistics()
    statistics.kept_seconds["game"] = {"a|b <script>\n*x*": 7200.0, "c\\d [e](f) `g` _h_": 3600.0}
    rows = [line for line in write_readme(statistics, "n", ()).splitlines() if line.endswith("00 |")]
    assert rows[0] == "| a\\|b &#60;script&#62; \\*x\\* | 2.00 |"
    assert rows[1] == "| c\\\\d \\[e\\](f) \\`g\\` \\_h\\_ | 1.00 |"


def test_the_front_matter_has_the_hubs_size_class():
    statistics = Statistics()
    assert "\n- n<1K\n" in write_readme(statistics, "n", ())
    statistics.funnel["kept"] = Amount(1, 20.0 * 5000)
    assert "\n- 1K<n<10K\n" in write_readme(statistics, "n", ())
    statistics.funnel["kept"] = Amount(1, 20.0 * 50_000_000)
    assert "\n- n>10M\n" in write_readme(statistics, "n", ())


def test_what_no_frame_tells_is_a_dash_and_a_null():
    text = write_readme(Statistics(), "n", ())
    assert "| south | - | - |" in text and "0 labelled frames, - of them" in text
    assert describe(Statistics())["press_share"]["south"] is None


def test_the_card_is_written_once_and_again_when_the_dataset_changed(store):
    batches = batch_ids(read_catalog(store)) or ("batch-000001",)
    first = build_card(store, batches)
    files = {key: store.read_bytes(key) for key in store.list(CARD)}
    assert first.changed and f"{CARD}/README.md" in files and f"{CARD}/card.json" in files
    again = build_card(store, batches)
    assert not again.changed and (again.readme, again.pictures) == (first.readme, first.pictures)
    assert build_card(store, batches, name="another").changed
    assert build_card(store, batches).changed
    assert {key: store.read_bytes(key) for key in store.list(CARD)} == files
    for name, data in first.pictures.items():
        assert Image.open(io.BytesIO(data)).size[0] > 100, name


def test_without_located_videos_there_is_no_contact_sheet(store):
    assert contact_sheet(store, ["batch-000001"]) is None
