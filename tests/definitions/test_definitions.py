import importlib.util
import inspect
import os
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.workspace.load import location_origins_from_yaml_paths

from pipelines.definitions import ASSET_MODULES, build_definitions
from pipelines.instance import REPOSITORY, open_instance

PACKAGES = ("ops", "models", "training", "simulator", "assets", "pipelines")
SNAPSHOT = Path(__file__).with_name("specs.txt")


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions("test")


@pytest.fixture(scope="module")
def specs(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    return sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key)


@pytest.mark.parametrize("environment", ["test", "local", "cluster"])
def test_definitions_load(environment) -> None:
    dg.Definitions.validate_loadable(build_definitions(environment))


def test_every_asset_is_labelled_in_full(specs: list[dg.AssetSpec]) -> None:
    for spec in specs:
        layer = spec.key.path[0]
        name = spec.key.to_user_string()
        assert spec.group_name == layer, name
        assert spec.kinds, name
        assert spec.owners, name
        assert spec.tags["stage"] == layer, name
        assert spec.tags["compute"] in ("cpu", "gpu"), name
        assert spec.code_version, name
        assert spec.description and len(spec.description) > 30, name


def test_specs_are_what_they_were(definitions: dg.Definitions, specs: list[dg.AssetSpec]) -> None:
    """A reviewer should see it when lineage, labels or checks change; `UPDATE_SNAPSHOTS=1` writes the file anew."""
    graph = definitions.resolve_asset_graph()
    found = "\n".join(_describe(graph, spec) for spec in specs)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(found)
    assert found == SNAPSHOT.read_text()


def _describe(graph, spec: dg.AssetSpec) -> str:
    node = graph.get(spec.key)
    checks = sorted(key.name for key in node.check_keys)
    lines = [
        spec.key.to_user_string(),
        f"  from: {', '.join(sorted(dep.asset_key.to_user_string() for dep in spec.deps)) or '-'}",
        f"  partitions: {getattr(spec.partitions_def, 'name', None) or '-'}",
        f"  kinds: {', '.join(sorted(spec.kinds))}; compute: {spec.tags['compute']}; owner: {', '.join(spec.owners)}",
        f"  automation: {spec.automation_condition.get_label() if spec.automation_condition else '-'}",
        f"  checks: {', '.join(checks) or '-'}",
    ]
    return "\n".join(lines) + "\n"


def test_asset_functions_are_thin() -> None:
    for module in ASSET_MODULES:
        for name, value in vars(module).items():
            if isinstance(value, dg.AssetsDefinition):
                function = value.op.compute_fn.decorated_fn
                num_lines = _num_lines(function)
                assert num_lines <= 40, f"{module.__name__}.{name} has {num_lines} lines; move work below assets"


def _num_lines(function) -> int:
    source = inspect.getsource(function).splitlines()
    start = next(number for number, line in enumerate(source) if line.startswith("def "))
    return len(source) - start


def test_dagster_yaml_loads_with_pools_and_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "unused")
    with open_instance(tmp_path / "home") as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.run_monitoring_enabled
        assert {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()} == {"decode": 2}


def test_workspace_yaml_names_the_definitions() -> None:
    (origin,) = location_origins_from_yaml_paths([str(REPOSITORY / "workspace.yaml")])
    assert origin.loadable_target_origin.module_name == "pipelines.definitions"
    assert yaml.safe_load((REPOSITORY / "workspace.yaml").read_text())["load_from"]


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_are_this_repository(package: str) -> None:
    """`ops` and `training` are names that other distributions ship too."""
    origin = importlib.util.find_spec(package).origin
    assert origin is not None and Path(origin).is_relative_to(REPOSITORY)
