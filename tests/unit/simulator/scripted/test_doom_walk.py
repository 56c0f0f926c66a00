"""The player of Doom's quiet tasks."""

import pytest

from simulator.play.policies import NoOpPolicy
from simulator.play.rollout import evaluate
from simulator.scripted import make_scripted


@pytest.mark.parametrize("task", ["MyWayHome", "TakeCover"])
def test_the_doom_walker_does_what_no_op_does_not(task):
    walked, _ = evaluate(make_scripted, "Doom", task, (1001,))
    idle, _ = evaluate(lambda env: NoOpPolicy(), "Doom", task, (1001,))
    assert (walked.successes, idle.successes) == ((True,), (False,))
