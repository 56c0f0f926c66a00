from collections.abc import Iterator

import pytest

from simulator.env import GameEnv
from tests.unit.simulator.toy import make_toy

__all__ = ["env", "make_toy"]


@pytest.fixture
def env() -> Iterator[GameEnv]:
    environment = GameEnv("Doom", width=160, height=120)
    yield environment
    environment.close()
