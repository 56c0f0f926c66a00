"""What runs are given: the engine that fans out, the store, models.

Ray reads its settings from the environment when it is imported, and dagster-ray imports it. So they are set here,
before any module of this package imports either.
"""

import os
import secrets
from typing import Final

from pipelines.environment import get_environment

#: Random bytes of a local session's token.
_TOKEN_BYTES: Final = 32


def _set_ray_settings() -> None:
    """Set what Ray reads from the environment, where nobody has."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray's own 15 starves workers wherever anything else computes: their time limits then hit innocent videos.
    os.environ.setdefault("RAY_worker_niceness", "0")
    # Ray listens on all interfaces. A token of this process keeps other people out of its session, and off the disk.
    # A cluster has a token of its own, or none.
    if get_environment() == "local" and "RAY_AUTH_MODE" not in os.environ:
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(_TOKEN_BYTES))


_set_ray_settings()
