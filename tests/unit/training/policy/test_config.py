import pytest

from tests.factories.policy_runs import mini
from training.policy.config import OptimizerConfig, learning_rate


def test_the_schedule_warms_up_holds_and_decays():
    config = mini(steps=10, optimizer=OptimizerConfig(lr=1.0, warmup_steps=3, decay_steps=3))
    rates = [learning_rate(step, config) for step in range(10)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 0.75, 0.5, 0.25])


@pytest.mark.parametrize("bad", [{"steps": 0}, {"precision": "fp8"}, {"steps": 1}])
def test_bad_configs_are_refused(bad):
    with pytest.raises(ValueError):
        mini(**bad)
