"""Ways of running games, by name; each module is imported only when a game asks for it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from simulator.games.spec import GameSpec, Task
    from simulator.protocol import Backend

#: Backend name -> module that has `make_backend(spec, task, width, height)`.
BACKENDS: Final = {
    "vizdoom": "simulator.backends.vizdoom",
    "linux": "simulator.backends.linux",
    "windows": "simulator.backends.windows",
}


def make_backend(spec: GameSpec, task: Task, width: int, height: int, **options: Any) -> Backend:
    """Return a backend for one game, task and frame size; nothing is started yet.

    Options go to the backend.

    Raises:
        ValueError: the game names a backend that does not exist.
    """
    if spec.backend not in BACKENDS:
        raise ValueError(f"game {spec.name!r} wants backend {spec.backend!r}; there are {', '.join(BACKENDS)}")
    backend: Backend = import_module(BACKENDS[spec.backend]).make_backend(spec, task, width, height, **options)
    return backend
