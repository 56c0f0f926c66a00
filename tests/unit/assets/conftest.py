"""The fixtures of `tests/assets`: a store, an instance, and a way to materialize with the serial mapper."""

from tests.assets.conftest import instance, materialize, store

__all__ = ["instance", "materialize", "store"]
