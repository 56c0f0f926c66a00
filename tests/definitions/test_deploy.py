"""What is under deploy/: nothing secret, nothing open to the world, and the same instance as on one machine."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster_postgres.utils import create_pg_engine, pg_url_from_config

from pipelines.instance import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
KUBERAY = DEPLOY / "kuberay"
_SECRET = re.compile(r"password|token|secret|access_key", re.IGNORECASE)


def _documents(path: Path) -> Iterator[dict[str, Any]]:
    yield from (document for document in yaml.safe_load_all(path.read_text()) if document)


def _objects() -> list[dict[str, Any]]:
    names = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    return [document for name in names for document in _documents(KUBERNETES / name)]


def test_only_the_ui_is_published_and_to_this_host_alone() -> None:
    services = yaml.safe_load((DEPLOY / "compose" / "docker-compose.yml").read_text())["services"]
    assert {name for name, service in services.items() if "ports" in service} == {"webserver"}
    assert services["webserver"]["ports"] == ["127.0.0.1:3000:3000"]
    assert not any(service.get("network_mode") == "host" or service.get("privileged") for service in services.values())


def test_compose_takes_secrets_from_outside_and_refuses_to_start_without() -> None:
    services = yaml.safe_load((DEPLOY / "compose" / "docker-compose.yml").read_text())["services"]
    for name, service in services.items():
        for key, value in service.get("environment", {}).items():
            if _SECRET.search(key):
                assert re.fullmatch(r"\$\{\w+:[?-].*\}", str(value)), f"{name}: {key}"
    needed = re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose" / "docker-compose.yml").read_text())
    assert set(needed) == {"POSTGRES_PASSWORD", "RAY_AUTH_TOKEN"}
    example = (DEPLOY / "compose" / ".env.example").read_text()
    assert all(re.search(rf"^{name}=$", example, re.MULTILINE) for name in needed)


def test_env_files_are_not_for_the_repository() -> None:
    done = subprocess.run(["git", "check-ignore", "-q", "deploy/compose/.env"], cwd=REPOSITORY, check=False)
    assert done.returncode == 0


def test_no_file_holds_a_secret() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert not re.search(r"AKIA[0-9A-Z]{16}|BEGIN [A-Z ]*PRIVATE KEY|[0-9a-f]{40,}", text), path
    assert not [item for item in _objects() if item["kind"] == "Secret"]


def test_in_kubernetes_everything_stays_within_the_namespace() -> None:
    objects = _objects()
    kinds = [item["kind"] for item in objects]
    assert "NetworkPolicy" in kinds and "Ingress" not in kinds
    assert {item["spec"]["type"] for item in objects if item["kind"] == "Service"} == {"ClusterIP"}
    (ray,) = (item for item in objects if item["kind"] == "RayCluster")
    assert ray["spec"]["headGroupSpec"]["serviceType"] == "ClusterIP"
    assert ray["spec"]["headGroupSpec"]["rayStartParams"]["include-dashboard"] == "false"


def _pods() -> Iterator[dict[str, Any]]:
    for item in _objects():
        if item["kind"] == "Deployment":
            yield item["spec"]["template"]["spec"]
        elif item["kind"] == "RayCluster":
            groups = [item["spec"]["headGroupSpec"], *item["spec"]["workerGroupSpecs"]]
            yield from (group["template"]["spec"] for group in groups)


def test_pods_are_unprivileged_and_bounded() -> None:
    pods = list(_pods())
    assert len(pods) == 5
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] and not pod.get("hostNetwork")
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["resources"]["limits"]["memory"]
            assert {"secretRef": {"name": "overplay-secrets"}} in container["envFrom"]


def test_the_instance_is_that_of_one_machine_but_for_its_storage() -> None:
    many = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    assert list(many.pop("storage")) == ["postgres"]
    assert many == yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    for name in ("dagster.yaml", "workspace.yaml"):
        assert (KUBERNETES / "config" / name).read_bytes() == (DEPLOY / name).read_bytes(), (
            "copy it: kustomize wants it"
        )


def test_the_driver_of_the_database_is_there() -> None:
    """SQLAlchemy 2.1 takes another driver for `postgresql://` than the one that dagster-postgres brings."""
    place = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())["storage"]["postgres"]["postgres_db"]
    filled = {name: value if isinstance(value, (str, int)) else "x" for name, value in place.items()}
    create_pg_engine(pg_url_from_config({"postgres_db": filled}))  # imports the driver, and does not connect


def test_the_image_holds_all_packages() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    for package in ("ops", "models", "training", "simulator", "assets", "pipelines"):
        assert f"COPY {package} {package}" in text
    assert "USER overplay" in text


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl builds the manifests, and is not installed")
def test_kustomize_builds_them() -> None:
    built = _built(KUBERNETES)
    assert len(built) == len(_objects()) + 2
    assert all(item["kind"] == "Namespace" or item["metadata"]["namespace"] == "overplay" for item in built)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl builds the manifests, and is not installed")
@pytest.mark.parametrize("folder", [KUBERNETES, KUBERAY], ids=lambda folder: folder.name)
def test_pods_find_the_settings_that_are_made_for_them(folder: Path) -> None:
    """Ray's too: kustomize does not follow names into kinds that it does not know."""
    built = _built(folder)
    settings = {item["metadata"]["name"] for item in built if item["kind"] == "ConfigMap"}
    assert set(re.findall(r"configMapRef:\s+name: (\S+)", yaml.safe_dump_all(built))) == {"overplay-settings"}
    assert "overplay-settings" in settings and "overplay-dagster" in settings


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl builds the manifests, and is not installed")
def test_a_cluster_per_run_replaces_the_standing_one() -> None:
    built = _built(KUBERAY)
    by_kind = {item["kind"]: item for item in built}
    assert "RayCluster" not in by_kind
    (settings,) = (item["data"] for item in built if item["metadata"]["name"] == "overplay-settings")
    assert settings["OVERPLAY_ENVIRONMENT"] == "kuberay" and settings["OVERPLAY_HOME"] == "s3://overplay/data"
    pods = {
        item["metadata"]["name"]: item["spec"]["template"]["spec"] for item in built if item["kind"] == "Deployment"
    }
    assert {name for name, pod in pods.items() if pod["automountServiceAccountToken"]} == {"code"}
    assert pods["code"]["serviceAccountName"] == by_kind["ServiceAccount"]["metadata"]["name"]
    mounts = {mount["mountPath"]: mount["subPath"] for mount in pods["code"]["containers"][0]["volumeMounts"][1:]}
    assert mounts[settings["OVERPLAY_RAY_CLUSTER"]] == "ray.yaml"


def _built(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=True)
    return [document for document in yaml.safe_load_all(done.stdout) if document]
