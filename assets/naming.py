"""How every asset is labelled (R22): key, group, kinds, owners, tags and code version, from one line."""

from typing import Any, Literal

_OWNERS = {"parser": "team:models", "policy": "team:models"}


def labelled(
    key: str, version: str, kinds: set[str], compute: Literal["cpu", "gpu"] = "cpu", pool: str | None = None
) -> dict[str, Any]:
    """Return arguments of `dg.asset` for an asset key.

    Args:
        key: layer and noun, such as `overlay/crops`; the layer is also group and stage tag.
        version: of the code below it; when it changes, what was made is stale.
        kinds: the tools that make it, for the graph.
        compute: what a run of it wants.
        pool: a pool of `dagster.yaml` that limits how many runs do this at once.
    """
    layer = key.split("/")[0]
    return {
        "key": key.split("/"),
        "group_name": layer,
        "kinds": kinds,
        "owners": [_OWNERS.get(layer, "team:data")],
        "tags": {"stage": layer, "compute": compute},
        "code_version": version,
        "pool": pool,
    }
