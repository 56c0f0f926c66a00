import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines.instance import REPOSITORY

BIN = Path(sys.executable).parent
CHECKS = ("make lint", "make types")


def _targets() -> dict[str, str]:
    """Return the described targets of the Makefile."""
    found = re.findall(r"^([a-z0-9-]+):.*?##\s*(.+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    return dict(found)


@pytest.mark.parametrize(
    "command", [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("lint-imports",)], ids=" ".join
)
def test_lint_is_clean(command: tuple[str, ...]) -> None:
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-1000:]}"


def test_the_promised_targets_are_there_and_described() -> None:
    promised = {"help", "setup", "lock", "lint", "types", "test", "demo", "ui", "demo-clips", "train-parser", "bench"}
    assert promised <= set(_targets())
    listing = subprocess.run(["make", "help"], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True)
    assert promised <= set(re.findall(r"^  ([a-z-]+)", listing.stdout, re.MULTILINE))


def test_ci_runs_the_tests_as_a_person_does() -> None:
    run = REPOSITORY / ".ci" / "run"
    assert run.stat().st_mode & 0o111, "make it executable"
    commands = [line for line in run.read_text().splitlines() if line and not line.startswith("#")]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make test"]


def test_hooks_and_ci_make_the_same_checks() -> None:
    hooks = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    steps = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["test"]["steps"]
    runs = [step["run"] for step in steps if "run" in step]
    assert tuple(hook["entry"] for hook in hooks) == CHECKS
    assert runs == [*CHECKS, ".ci/run"]
