"""The player of Doom's ports, in an empty level with one monster."""

from types import SimpleNamespace

import numpy as np
import pytest

from ops.gamepad import BENCHMARK
from simulator.games.doom_memory import Thing
from simulator.scripted import doom_ports
from simulator.scripted.doom_map import LevelMap
from simulator.scripted.doom_ports import DoomMarine

NONE = np.zeros((0, 4))
ROOM = np.array([[-600, -600, 600, -600], [600, -600, 600, 600], [600, 600, -600, 600], [-600, 600, -600, -600]], float)
FRAME = np.zeros((1, 1, 3), np.uint8)


def thing(x, y, angle_deg=0.0, monster=False):
    return Thing(0, x, y, angle_deg, 0, 60, monster, False)


@pytest.fixture
def make(monkeypatch):
    """Return what makes a player at the origin that looks east, of a task kind, with these things around."""
    monkeypatch.setattr(doom_ports, "load_map", lambda wad, name: LevelMap(ROOM, ROOM, NONE, NONE))

    def make_one(kind, *things):
        reader = SimpleNamespace(me=lambda: thing(0, 0), things=lambda: list(things))
        backend = SimpleNamespace(launcher=SimpleNamespace(reader=reader))
        return DoomMarine(
            SimpleNamespace(
                game_spec=SimpleNamespace(name="CrispyDoom"), task=SimpleNamespace(kind=kind), backend=backend
            )
        )

    return make_one


def down(chunk):
    return {BENCHMARK.buttons[index] for index in np.flatnonzero(chunk.buttons[0])}


def test_it_shoots_what_stands_ahead(make):
    chunk = make("combat", thing(300, 0, monster=True)).act(FRAME)
    assert down(chunk) == {"right_trigger"}
    assert chunk.num_actions == 4
    assert chunk.sticks[0, 2] == 0


@pytest.mark.parametrize(("y", "turn"), [(300, -1), (-300, 1)])
def test_it_turns_to_what_stands_aside(make, y, turn):
    chunk = make("combat", thing(0, y, monster=True)).act(FRAME)
    assert "right_trigger" not in down(chunk)
    assert chunk.sticks[0, 2] == turn


def test_a_scout_leaves_what_is_far_alone_and_walks(make):
    chunk = make("navigation", thing(400, 0, monster=True)).act(FRAME)
    assert "right_trigger" not in down(chunk)
    assert np.abs(chunk.sticks[0]).sum() > 0
