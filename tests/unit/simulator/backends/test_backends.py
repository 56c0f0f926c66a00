"""Backends are found by name."""

import dataclasses

import pytest

from simulator.backends import make_backend
from simulator.backends.vizdoom import VizdoomBackend
from simulator.games import GAMES


def test_a_game_gets_the_backend_that_it_names():
    game = GAMES["Doom"]
    backend = make_backend(game, game.tasks[0], 160, 120)
    assert isinstance(backend, VizdoomBackend)
    assert backend.clock is backend.pad is backend.capture is backend.launcher


def test_a_backend_that_does_not_exist_is_an_error():
    game = dataclasses.replace(GAMES["Doom"], backend="dos")
    with pytest.raises(ValueError, match="wants backend 'dos'; there are vizdoom, linux, windows"):
        make_backend(game, game.tasks[0], 160, 120)
