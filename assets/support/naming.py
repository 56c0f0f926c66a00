"""How every asset is labelled (R22): key, sources, group, kinds, owners, tags and code version, in one place."""

from collections.abc import Sequence
from typing import Any, Literal

import dagster as dg

from assets.support.partitions import BY_BATCHES, VIDEO_BATCHES

_OWNERS = {"parser": "team:models", "policy": "team:models"}


def labelled(
    key: str,
    version: str,
    kinds: set[str],
    made_from: Sequence[str] = (),
    compute: Literal["cpu", "gpu"] = "cpu",
    pool: str | None = None,
) -> dict[str, Any]:
    """Return arguments of `dg.asset` for an asset key.

    Args:
        key: layer and noun, such as `overlay/crops`; the layer is also group and stage tag.
        version: of the code below it; when it changes, what was made is stale.
        kinds: the tools that make it, for the graph.
        made_from: keys of other assets.
        compute: what a run of it wants.
        pool: a pool of `dagster.yaml` that limits how many runs do this at once.
    """
    layer = key.split("/")[0]
    return {
        "key": key.split("/"),
        "deps": [to_key(source) for source in made_from],
        "group_name": layer,
        "kinds": kinds,
        "owners": [_OWNERS.get(layer, "team:data")],
        "tags": {"stage": layer, "compute": compute},
        "code_version": version,
        "pool": pool,
    }


def labelled_by_batch(
    key: str,
    version: str,
    kinds: set[str],
    made_from: Sequence[str],
    compute: Literal["cpu", "gpu"] = "cpu",
    pool: str | None = None,
) -> dict[str, Any]:
    """Return the same for an asset that is made batch by batch."""
    labels = labelled(key, version, kinds, made_from, compute, pool)
    return {**labels, "partitions_def": VIDEO_BATCHES, "backfill_policy": BY_BATCHES}


def to_key(key: str) -> dg.AssetKey:
    """Return Dagster's form of a key that is joined by `/`."""
    return dg.AssetKey(key.split("/"))
