"""The code location: all assets with the resources of the environment."""

import os

import dagster as dg

from assets import dataset, labels, overlay, parser, policy, raw
from ops.store.storage import Store
from pipelines.automation import with_automation
from pipelines.environment import Environment, get_environment
from pipelines.jobs import JOBS
from pipelines.listening import listener
from pipelines.resources.mapping import RayMapper, SerialMapper
from pipelines.schedules import SCHEDULES
from pipelines.sensors import SENSORS

ASSET_MODULES = [raw, overlay, labels, dataset, parser, policy]


def load_assets() -> list[dg.AssetsDefinition]:
    """Return all assets."""
    return [asset for asset in dg.load_assets_from_modules(ASSET_MODULES) if isinstance(asset, dg.AssetsDefinition)]


def build_resources(environment: Environment) -> dict[str, object]:
    """Return what assets ask for, by name."""
    # A node that goes takes the work of all its processes along; it is done again elsewhere.
    cluster = RayMapper(address=os.environ.get("RAY_ADDRESS", "auto"), max_retries=3)
    mapper = {"test": SerialMapper(), "local": RayMapper(), "cluster": cluster}[environment]
    return {"store": Store.from_environment(), "mapper": mapper}


def build_definitions(environment: Environment) -> dg.Definitions:
    """Return the definitions for an environment: the same assets, other engines."""
    return dg.Definitions(
        assets=[asset.map_asset_specs(with_automation) for asset in load_assets()],
        jobs=JOBS,
        resources=build_resources(environment),
        schedules=SCHEDULES,
        sensors=SENSORS,
        executor=dg.in_process_executor,
        loggers={"console": dg.colored_console_logger, "listener": listener},
    )


defs = build_definitions(get_environment())
