from assets.overlay import DUPLICATES, duplicates
from ops.crawl.catalog import Discovered, Video, write_catalog
from ops.store.storage import Store
from tests.assets.conftest import BATCH, metadata_of


def test_a_batch_without_fingerprints_says_what_the_ledger_knows(materialize, store: Store) -> None:
    found = [Discovered(name, "list", f"http://site/{name}") for name in ("first", "again")]
    rows = [Video(**vars(video), batch=BATCH) for video in found]
    again = Video(**{**vars(rows[1]), "duplicate_of": "first"})
    write_catalog(store, [rows[0], again])
    metadata = metadata_of(materialize([duplicates], partition_key=BATCH), DUPLICATES)
    assert (metadata["num_done"], metadata["num_duplicates"]) == (0, 1)
    assert metadata["duplicate_of"] == {"again": "first"} and metadata["found_now"] == {}
