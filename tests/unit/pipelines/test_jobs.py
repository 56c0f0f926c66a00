import pytest

from pipelines.definitions import build_definitions
from pipelines.jobs import JOBS


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_each_job_says_what_it_is_for_and_selects_something(job) -> None:
    assert job.description and job.description.endswith(".")
    assert build_definitions("test").resolve_job_def(job.name).asset_layer.selected_asset_keys


def test_all_assets_are_in_some_job() -> None:
    definitions = build_definitions("test")
    jobs = [definitions.resolve_job_def(job.name) for job in JOBS]
    covered = {key for job in jobs for key in job.asset_layer.selected_asset_keys}
    assert covered == set(definitions.resolve_asset_graph().get_all_asset_keys())
