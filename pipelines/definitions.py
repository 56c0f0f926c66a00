"""The code location: all assets with the resources of the environment."""

import dagster as dg

from assets import overlay, raw
from ops.storage import Store
from pipelines.environment import Environment, get_environment
from pipelines.jobs import JOBS
from pipelines.resources.mapping import RayMapper, SerialMapper

ASSET_MODULES = [raw, overlay]


def build_resources(environment: Environment) -> dict[str, object]:
    """Return what assets ask for, by name."""
    mapper = {"test": SerialMapper(), "local": RayMapper(), "cluster": RayMapper(address="auto")}[environment]
    return {"store": Store.from_environment(), "mapper": mapper}


def build_definitions(environment: Environment) -> dg.Definitions:
    """Return the definitions for an environment: the same assets, other engines."""
    return dg.Definitions(
        assets=dg.load_assets_from_modules(ASSET_MODULES),
        jobs=JOBS,
        resources=build_resources(environment),
        executor=dg.in_process_executor,
    )


defs = build_definitions(get_environment())
