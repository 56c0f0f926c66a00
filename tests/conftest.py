"""Shared settings: no telemetry, no cluster auth, one thread per process, no time limits inside property tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_MODE", "disabled")

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "overplay", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("overplay")

#: Files that take longest, longest first (`make test` prints the slowest tests). Two processes share the files out in
#: this order; one that is begun late would leave the other process with nothing to do.
_LONG_FILES = (
    "integration/test_chain.py",
    "integration/test_generations.py",
    "chaos/test_chaos.py",
    "ui/test_ui.py",
    "unit/training/test_learning.py",
    "assets/test_samples.py",
    "unit/ops/stages/test_label_many.py",
    "unit/ops/overlay/test_tracks.py",
    "unit/training/policy/test_ray_train.py",
    "unit/pipelines/commands/test_label.py",
    "assets/test_policy.py",
    "unit/ops/skins/importers/test_gamepad_viewer.py",
    "unit/simulator/backends/",
    "unit/simulator/native/",
    "assets/test_overlay_probe.py",
    "assets/test_overlay.py",
    "unit/assets/workers/test_suites.py",
    "unit/ops/crawl/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of long files first; all else stays in its order."""

    def rank(item: pytest.Item) -> int:
        return next((at for at, name in enumerate(_LONG_FILES) if name in item.nodeid), len(_LONG_FILES))

    items.sort(key=rank)
