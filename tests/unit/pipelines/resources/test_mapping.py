import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from ops.store.parallel import Mapper
from pipelines.instance import REPOSITORY
from pipelines.resources.mapping import RayMapper, SerialMapper
from pipelines.resources.sessions import on_this_machine
from tests.unit.pipelines.resources.work import die_at_two, die_once, double


@pytest.fixture(scope="module")
def ray_mapper():
    import ray

    yield RayMapper(ray=on_this_machine(2), max_in_flight=2, max_retries=1)
    ray.shutdown()


def test_serial_gives_each_item_its_result_or_exception() -> None:
    results = dict(SerialMapper().map(double, [1, 3, 4]))
    assert (results[1], results[4]) == (2, 8)
    assert isinstance(results[3], ValueError)


def test_one_item_starts_no_session() -> None:
    import ray

    assert list(RayMapper(ray=on_this_machine()).map(double, [2])) == [(2, 4)]
    assert list(RayMapper(ray=on_this_machine()).map(double, [])) == []
    assert not ray.is_initialized()


def test_ray_gives_each_item_its_result_or_exception(ray_mapper: RayMapper) -> None:
    results = dict(ray_mapper.map(double, range(10)))
    assert sorted(results) == list(range(10))
    assert isinstance(results.pop(3), ValueError)
    assert results == {value: 2 * value for value in range(10) if value != 3}


def test_a_dead_worker_is_its_items_exception_only(ray_mapper: RayMapper) -> None:
    results = dict(ray_mapper.map(die_at_two, range(4)))
    assert isinstance(results.pop(2), Exception)
    assert results == {0: "1", 1: "1", 3: "1"}


def test_a_worker_that_dies_once_is_tried_again(ray_mapper: RayMapper, tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    assert dict(ray_mapper.map(die_once, [str(folder) for folder in folders])) == {
        str(folder): "done" for folder in folders
    }


def test_runs_of_one_process_share_the_session(ray_mapper: RayMapper) -> None:
    """A session takes ten seconds to start; a process has one, whatever becomes of its runs."""
    import ray

    @dg.asset
    def doubled(mapper: dg.ResourceParam[Mapper]) -> list[int]:
        return sorted(result for _, result in mapper.map(double, [1, 2]))

    list(ray_mapper.map(double, [1, 2]))
    session = ray.get_runtime_context().get_job_id()
    for _ in range(2):
        result = dg.materialize([doubled], resources={"mapper": RayMapper(ray=on_this_machine())})
        assert result.output_for_node("doubled") == [2, 4]
        assert ray.get_runtime_context().get_job_id() == session


def test_a_session_of_a_users_own_process_has_a_token() -> None:
    """These tests run without Ray's tokens; a user does not. Ray reads the mode when dagster-ray imports it."""
    code = """
import os
import dagster as dg
import pipelines.definitions
from pipelines.resources.mapping import RayMapper
from pipelines.resources.sessions import on_this_machine

with dg.build_resources({"mapper": RayMapper(ray=on_this_machine(1))}) as made:
    print(sorted(result for _, result in made.mapper.map(len, [[1], [1, 2]])), len(os.environ["RAY_AUTH_TOKEN"]))
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "OVERPLAY_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.stdout.split("\n")[-2:] == ["[1, 2] 64", ""], done.stderr[-2000:]
