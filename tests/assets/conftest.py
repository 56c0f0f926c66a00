from collections.abc import Callable, Sequence
from pathlib import Path

import dagster as dg
import pytest

from ops.store.parallel import SerialMapper
from ops.store.storage import Store

#: Dagster's own lines say nothing that a failing assertion does not.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
BATCH = "batch-000001"

Materialize = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "data"))


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("video_batch", [BATCH])
        yield instance


@pytest.fixture
def materialize(store: Store, instance: dg.DagsterInstance) -> Materialize:
    def run(assets: Sequence[dg.AssetsDefinition], **options) -> dg.ExecuteInProcessResult:
        config = {**QUIET, **options.pop("run_config", {})}
        resources = {"store": store, "mapper": SerialMapper()}
        return dg.materialize(list(assets), instance=instance, resources=resources, run_config=config, **options)

    return run


def metadata_of(result: dg.ExecuteInProcessResult, key: str) -> dict[str, object]:
    """Return the plain metadata of the one materialization of an asset."""
    (event,) = [
        event for event in result.get_asset_materialization_events() if event.asset_key == dg.AssetKey(key.split("/"))
    ]
    return {name: value.value for name, value in event.materialization.metadata.items()}
