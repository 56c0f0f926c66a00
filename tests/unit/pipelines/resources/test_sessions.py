"""Sessions without Ray: what is made, awaited, joined and taken down, and in which order."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster_ray import RayResource

from ops.store.parallel import Mapper
from pipelines.definitions import build_resources
from pipelines.instance import REPOSITORY
from pipelines.resources import sessions
from pipelines.resources.mapping import RayMapper
from pipelines.resources.sessions import AddressRay, MachineRay, RunRay, at_address, of_the_run, on_this_machine
from tests.unit.pipelines.resources.work import double

MANIFEST = REPOSITORY / "deploy" / "kubernetes" / "ray.yaml"


class Operator(dg.ConfigurableResource):
    """Stands in for the Kubernetes API: keeps clusters by name, and what was asked of it."""

    def create_resource(self, _: dg.InitResourceContext) -> "Operator":
        return self

    def get(self, name: str, namespace: str) -> dict[str, Any]:
        return CLUSTERS.get(f"{namespace}/{name}", {})

    def create(self, body: dict[str, Any], namespace: str) -> dict[str, Any]:
        CLUSTERS[f"{namespace}/{body['metadata']['name']}"] = body
        CALLS.append("create")
        return body

    def wait_until_ready(self, name: str, namespace: str, **_: Any) -> None:
        assert f"{namespace}/{name}" in CLUSTERS
        CALLS.append("wait")

    def get_status(self, name: str, namespace: str, **_: Any) -> dict[str, Any]:
        return {"head": {"serviceName": f"{name}-head-svc"}}

    def delete(self, name: str, namespace: str) -> None:
        del CLUSTERS[f"{namespace}/{name}"]
        CALLS.append("delete")


CLUSTERS: dict[str, dict[str, Any]] = {}
CALLS: list[str] = []


class Context:
    """Stands in for what `ray.init` returns."""

    def disconnect(self) -> None:
        CALLS.append("disconnect")


@pytest.fixture(autouse=True)
def joined(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return what `ray.init` is called with; nothing is started."""
    import ray

    CLUSTERS.clear()
    CALLS.clear()
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda **options: calls.append(options) or Context())
    for name in sessions.WORKER_ENVIRONMENT:
        monkeypatch.setenv(name, "1")
    return calls


def _run(session: RayResource, items: list[int]) -> None:
    @dg.asset
    def work(context: dg.AssetExecutionContext, mapper: dg.ResourceParam[Mapper]) -> None:
        # What the mapper does first when it has two items; the tasks themselves are test_mapping's.
        if len(items) > 1:
            sessions.join(mapper.ray, mapper._context)  # type: ignore[attr-defined]
        else:
            list(mapper.map(double, items))

    dg.materialize([work], resources={"mapper": RayMapper(ray=session)})


def test_a_run_with_nothing_to_fan_out_makes_no_cluster(joined: list[dict[str, Any]]) -> None:
    _run(of_the_run(MANIFEST, "here").model_copy(update={"client": Operator()}), [1])
    assert not CALLS and not joined


def test_a_run_gets_its_own_cluster_and_takes_it_down(joined: list[dict[str, Any]]) -> None:
    session = of_the_run(MANIFEST, "here")
    _run(RunRay(**{**_fields(session), "client": Operator()}), [1, 2])
    assert CALLS == ["create", "wait", "delete", "disconnect"]
    (call,) = joined
    assert call["address"].startswith("ray://dg-") and call["address"].endswith(".here.svc.cluster.local:10001")
    assert call["runtime_env"]["env_vars"] == sessions.WORKER_ENVIRONMENT


def test_the_cluster_of_a_run_is_the_manifests() -> None:
    session = of_the_run(MANIFEST, "here")
    context = dg.build_init_resource_context()
    made, given = session.ray_cluster.to_k8s(context), yaml.safe_load(MANIFEST.read_text())
    assert made["metadata"].get("name") is None, "two runs at once need two clusters"
    assert made["spec"]["rayVersion"] == given["spec"]["rayVersion"]
    assert made["spec"]["headGroupSpec"]["rayStartParams"] == given["spec"]["headGroupSpec"]["rayStartParams"]
    assert made["spec"]["workerGroupSpecs"][0]["maxReplicas"] == given["spec"]["workerGroupSpecs"][0]["maxReplicas"]


def test_a_manifest_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text("kind: Pod")
    with pytest.raises(ValueError, match="holds no RayCluster"):
        of_the_run(tmp_path / "pod.yaml", "here")


def test_a_cluster_of_others_is_joined_and_left(joined: list[dict[str, Any]]) -> None:
    _run(at_address("ray://ray:10001"), [1, 2])
    assert CALLS == ["disconnect"]
    assert joined[0]["address"] == "ray://ray:10001"
    assert joined[0]["runtime_env"]["env_vars"] == sessions.WORKER_ENVIRONMENT


def test_a_session_of_this_machine_stays_on_it_and_outlives_the_run(
    joined: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://elsewhere:10001")
    _run(on_this_machine(2), [1, 2])
    (call,) = joined
    assert not CALLS
    assert (call["address"], call["num_cpus"], call["_node_ip_address"]) == ("local", 2, "127.0.0.1")


def test_each_environment_has_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://ray:10001")
    monkeypatch.setenv("OVERPLAY_RAY_CLUSTER", str(MANIFEST))
    kinds = {"local": MachineRay, "cluster": AddressRay, "kuberay": RunRay}
    for environment, kind in kinds.items():
        mapper = build_resources(environment)["mapper"]
        assert isinstance(mapper, RayMapper) and isinstance(mapper.ray, kind)
    monkeypatch.delenv("OVERPLAY_RAY_CLUSTER")
    with pytest.raises(ValueError, match="OVERPLAY_RAY_CLUSTER has to name"):
        build_resources("kuberay")


def _fields(session: RunRay) -> dict[str, Any]:
    return {name: getattr(session, name) for name in ("ray_cluster", "ray_init_options", "env_vars")}
