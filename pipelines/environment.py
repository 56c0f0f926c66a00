"""Where this process runs. `OVERPLAY_ENVIRONMENT` says which of four.

| name | videos are done |
|---|---|
| `test` | one after the other, in this process |
| `local` | by a Ray session of this machine |
| `cluster` | on the Ray cluster at `RAY_ADDRESS` |
| `kuberay` | on a Ray cluster of the run's own, which the KubeRay operator makes after `OVERPLAY_RAY_CLUSTER` |
"""

import os
from typing import Literal, cast, get_args

Environment = Literal["test", "local", "cluster", "kuberay"]


def get_environment() -> Environment:
    """Return the environment that `OVERPLAY_ENVIRONMENT` names, by default `local`.

    Raises:
        ValueError: it names no environment.
    """
    name = os.environ.get("OVERPLAY_ENVIRONMENT", "local")
    if name not in get_args(Environment):
        raise ValueError(f"OVERPLAY_ENVIRONMENT is {name!r}, expected one of {', '.join(get_args(Environment))}")
    return cast(Environment, name)
