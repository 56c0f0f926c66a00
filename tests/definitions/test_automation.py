import dagster as dg
import pytest

from pipelines.definitions import build_definitions
from pipelines.schedules import SCHEDULES
from pipelines.sensors import SENSORS, new_batches, new_parser

_CHECKPOINT = dg.AssetKey(["parser", "checkpoint"])
_CROPS = dg.AssetKey(["overlay", "crops"])


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("video_batch", ["batch-000001", "batch-000002"])
        yield instance


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions("test")


def _tick(sensor, instance, definitions, cursor=None):
    context = dg.build_sensor_context(
        instance=instance, cursor=cursor, repository_def=definitions.get_repository_def(), sensor_name=sensor.name
    )
    with dg.partition_loading_context(dynamic_partitions_store=instance):  # ephemeral ones bring no loader
        return sensor.evaluate_tick(context)


def test_nothing_runs_by_itself_before_someone_turns_it_on() -> None:
    assert all(sensor.default_status == dg.DefaultSensorStatus.STOPPED for sensor in SENSORS)
    assert all(schedule.default_status == dg.DefaultScheduleStatus.STOPPED for schedule in SCHEDULES)


def test_each_new_batch_is_run_once(instance, definitions) -> None:
    first = _tick(new_batches, instance, definitions)
    assert [request.partition_key for request in first.run_requests] == ["batch-000001", "batch-000002"]
    assert not _tick(new_batches, instance, definitions, first.cursor).run_requests
    instance.add_dynamic_partitions("video_batch", ["batch-000003"])
    third = _tick(new_batches, instance, definitions, first.cursor)
    assert [request.run_key for request in third.run_requests] == ["batch-000003"]


def test_a_new_parser_relabels_what_is_cropped_and_the_same_weights_do_not(instance, definitions) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(_CROPS, partition="batch-000001"))
    keys = []
    for version in ("weights-a", "weights-a", "weights-b"):
        instance.report_runless_asset_event(
            dg.AssetMaterialization(_CHECKPOINT, tags={"dagster/data_version": version})
        )
        requests = _tick(new_parser, instance, definitions).run_requests
        assert [request.partition_key for request in requests] == ["batch-000001"]
        keys.append(requests[0].run_key)
    assert keys == ["weights-a/batch-000001", "weights-a/batch-000001", "weights-b/batch-000001"]


def test_relabelling_neither_downloads_nor_decodes(definitions) -> None:
    keys = {key.to_user_string() for key in definitions.resolve_job_def("relabel").asset_layer.selected_asset_keys}
    assert keys == {"labels/raw_actions", "labels/actions", "dataset/chunks", "dataset/shards"}
