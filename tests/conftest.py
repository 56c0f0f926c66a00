"""Shared settings: no telemetry, no cluster auth, one thread per process, no time limits inside property tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_MODE", "disabled")

from hypothesis import HealthCheck, settings

settings.register_profile(
    "overplay", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("overplay")
