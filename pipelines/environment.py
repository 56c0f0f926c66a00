"""Where this process runs: in tests, on one machine, or beside a cluster. `OVERPLAY_ENVIRONMENT` says which."""

import os
from typing import Literal, cast, get_args

Environment = Literal["test", "local", "cluster"]


def get_environment() -> Environment:
    """Return the environment that `OVERPLAY_ENVIRONMENT` names, by default `local`.

    Raises:
        ValueError: it names no environment.
    """
    name = os.environ.get("OVERPLAY_ENVIRONMENT", "local")
    if name not in get_args(Environment):
        raise ValueError(f"OVERPLAY_ENVIRONMENT is {name!r}, expected one of {', '.join(get_args(Environment))}")
    return cast(Environment, name)
