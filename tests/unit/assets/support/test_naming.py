import dagster as dg
import pytest

from assets.support.naming import labelled, labelled_by_batch, to_key
from assets.support.partitions import BY_BATCHES, VIDEO_BATCHES


def test_the_layer_is_group_and_stage() -> None:
    labels = labelled("overlay/crops", "3", {"opencv"}, ["raw/videos"], "gpu", pool="decode")
    assert labels["key"] == ["overlay", "crops"]
    assert labels["deps"] == [dg.AssetKey(["raw", "videos"])]
    assert labels["group_name"] == "overlay"
    assert labels["tags"] == {"stage": "overlay", "compute": "gpu"}
    assert (labels["code_version"], labels["pool"]) == ("3", "decode")


@pytest.mark.parametrize(
    "key, owner", [("raw/videos", "team:data"), ("parser/checkpoint", "team:models"), ("policy/x", "team:models")]
)
def test_networks_have_owners_of_their_own(key: str, owner: str) -> None:
    assert labelled(key, "1", set())["owners"] == [owner]


def test_batches_are_partitions() -> None:
    labels = labelled_by_batch("raw/videos", "1", set(), [])
    assert labels["partitions_def"] is VIDEO_BATCHES
    assert labels["backfill_policy"] is BY_BATCHES
    assert "partitions_def" not in labelled("raw/videos", "1", set())


def test_a_key_is_split_at_slashes() -> None:
    assert to_key("raw/videos") == dg.AssetKey(["raw", "videos"])
