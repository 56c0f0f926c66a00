"""The view of Neverball, read from bytes that are made here."""

import struct

import numpy as np
import pytest

from simulator.games.neverball import GAME, probe, read_view
from tests.unit.simulator.games.memory import Bytes


def test_the_view_of_neverball_is_found_in_its_memory():
    memory = Bytes(bytearray(200))
    with pytest.raises(ValueError, match="expected a view"):
        read_view(memory)
    struct.pack_into("<3f3f3f9f", memory.data, 40, 0.25, 0.75, 2, 3, 0.5, -4, 5, 1, -4, 0, 0, 1, 0, 1, 0, -1, 0, 0)
    assert read_view(memory)() == {"x": 3, "z": -4, "heading": pytest.approx(np.pi / 2)}  # to the right of -z: +x


@pytest.mark.parametrize(("status", "goal", "fall", "running"), [(0, 0, 0, None), (2, 1, 0, 0), (3, 0, 1, 0)])
def test_the_replay_says_how_an_attempt_ended(tmp_path, status, goal, fall, running):
    assert probe(tmp_path) == {"coins": 0, "goal": 0, "fall": 0}
    path = tmp_path / ".neverball/Replays/Last.nbr"
    path.parent.mkdir(parents=True)
    path.write_bytes(struct.pack("<6i", 0, 9, 0, 12, status, 0) + b"rest")
    facts = probe(tmp_path)
    assert (facts["coins"], facts["goal"], facts["fall"], facts.get("running")) == (
        12,
        goal,
        fall,
        running,
    )
    assert GAME.tasks[0].score(facts) == 12 + 100 * goal
