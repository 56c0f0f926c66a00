"""Jobs: the parts of the lineage that people and schedules start together."""

import dagster as dg

library = dg.define_asset_job(
    "library", selection=dg.AssetSelection.assets("overlay/templates"), description="Draw the template library."
)

JOBS = [library]
