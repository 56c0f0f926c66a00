"""The lineage as Dagster assets: thin shells over `ops`, `training` and `simulator`."""
