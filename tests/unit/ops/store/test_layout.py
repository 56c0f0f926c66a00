"""Keys of the store: each asset has one of its own, and a video's files lie in its batch."""

from ops.store import layout
from ops.store.layout import manifest_key, unit_key


def test_no_two_assets_share_a_key() -> None:
    assets = [value for value in vars(layout).values() if isinstance(value, str) and value.count("/") == 1]
    assert len(assets) == len(set(assets)) >= 15


def test_keys_of_a_video_and_of_its_batch() -> None:
    assert unit_key("raw/videos", "batch-000001", "x") == "raw/videos/batch-000001/x/unit.json"
    assert unit_key("raw/videos", "batch-000001", "x", "video.mp4") == "raw/videos/batch-000001/x/video.mp4"
    assert manifest_key("raw/videos", "batch-000001") == "raw/videos/batch-000001/manifest.json"
