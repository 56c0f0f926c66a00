"""Every game is a value that can be sent to another process, and is judged there as here."""

import pickle
from collections import defaultdict

import pytest

from simulator.games import GAMES, find_game
from simulator.games.linux import Hold, LinuxSetup, tap, tap_key
from simulator.games.spec import KINDS, InputMap, free_play


@pytest.mark.parametrize("name", GAMES)
def test_a_game_travels(name):
    game = pickle.loads(pickle.dumps(GAMES[name]))
    assert (game.name, game.input_map, game.control_hz) == (name, GAMES[name].input_map, GAMES[name].control_hz)
    for value in (0.0, 1.0, 5000.0):
        facts = defaultdict(lambda value=value: value)
        for sent, kept in zip(game.tasks, GAMES[name].tasks, strict=True):
            assert (sent.score(facts), sent.success(facts)) == (kept.score(facts), kept.success(facts))
            assert sent.launch.keys() == kept.launch.keys()


@pytest.mark.parametrize("name", GAMES)
def test_a_game_is_written_in_full(name):
    game = GAMES[name]
    assert find_game(name) is game
    assert (game.backend == "linux") == (game.setup is not None)
    assert game.tasks
    assert {task.kind for task in game.tasks} <= set(KINDS)
    assert len({task.name for task in game.tasks}) == len(game.tasks)


def test_controls_that_do_not_exist_are_errors():
    with pytest.raises(ValueError, match="no button 'a'"):
        InputMap(buttons=(("a", "JUMP"),))
    with pytest.raises(ValueError, match="axes left_x"):
        InputMap(axes=(("x", "MOVE", 1.0),))
    with pytest.raises(ValueError, match="one of pad, keys, uinput, got 'mouse'"):
        LinuxSetup(packages=(), command=("game",), input="mouse")


def test_taps_are_held_and_let_go():
    held, free = tap("south", wait=7)
    assert (held.buttons, free) == (("south",), Hold(7))
    assert 0 < held.frames < 10
    assert tap_key("Return")[0].keys == ("Return",)


def test_free_play_is_never_a_success():
    task = free_play("Look around")
    assert not task.is_judged
    assert (task.score({}), task.success({})) == (0, False)
