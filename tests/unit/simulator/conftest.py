from collections.abc import Iterator

import pytest

from simulator.env import GameEnv


@pytest.fixture
def env() -> Iterator[GameEnv]:
    environment = GameEnv("Doom", width=160, height=120)
    yield environment
    environment.close()
