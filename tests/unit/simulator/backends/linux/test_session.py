"""What the four parts share, without a program."""

import os

import pytest

from simulator.backends.linux import LinuxBackend
from simulator.backends.linux.session import Order, Session
from simulator.protocol import GameEndedError
from tests.unit.simulator.toy import SIZE, toy_spec


@pytest.fixture
def session():
    spec = toy_spec()
    session = Session(Order(spec, spec.tasks[0], spec.setup, SIZE, "locked", 1.0))
    yield session
    session.stop()


def test_nothing_runs_at_first(session):
    assert (session.is_alive, session.running, session.exit_code) == (False, None, None)
    with pytest.raises(GameEndedError, match="Toy is not running; reset the environment first"):
        session.expect()
    with pytest.raises(GameEndedError, match="Toy is not running"):
        _ = session.page
    assert session.last_words() == "it said nothing"


def test_a_new_game_takes_the_place_of_the_one_before(session):
    first = session.begin().folder
    second = session.begin().folder
    assert (first.exists(), second.exists(), session.is_alive) == (False, True, True)
    session.exit_code = 3
    with pytest.raises(GameEndedError, match="Toy ended with exit code 3 at noon; it said nothing"):
        session.expect_alive("at noon")
    session.stop()
    session.stop()
    assert (second.exists(), session.exit_code) == (False, 3)


def test_a_forked_child_does_not_end_its_parents_game(session):
    folder = session.begin().folder
    if (child := os.fork()) == 0:
        session.abandon()
        os._exit(0)
    os.waitpid(child, 0)
    assert folder.exists()
    session.abandon()
    assert not folder.exists()


def test_the_screen_is_the_setups_or_the_size_of_frames():
    spec = toy_spec(screen=(640, 480))
    assert Order(spec, spec.tasks[0], spec.setup, SIZE, "locked", 1.0).screen == (640, 480)
    spec = toy_spec()
    assert Order(spec, spec.tasks[0], spec.setup, SIZE, "locked", 1.0).screen == SIZE


def test_what_cannot_be_a_backend_is_an_error():
    spec = toy_spec()
    with pytest.raises(ValueError, match="at least 64x64, got 32x200"):
        LinuxBackend(spec, spec.tasks[0], 32, 200)
