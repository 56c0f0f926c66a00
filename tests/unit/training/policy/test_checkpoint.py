import dataclasses

import pytest

from ops.store.storage import Store
from tests.factories.policy_runs import BATCHES, KilledError, mini
from training.policy import checkpoint as checkpoints
from training.policy.checkpoint import list_steps
from training.policy.loop import train


def test_a_changed_config_is_refused_by_name(store):
    train(mini(steps=2), store, BATCHES, "runs/changed")
    changed = mini(steps=2, seed=5)
    changed = dataclasses.replace(changed, optimizer=dataclasses.replace(changed.optimizer, lr=0.5))
    with pytest.raises(ValueError, match=r"optimizer\.lr was 0\.001, is 0\.5; seed was 0, is 5"):
        train(changed, store, BATCHES, "runs/changed")


def test_old_checkpoints_go(store):
    train(mini(checkpoint_every=1), store, BATCHES, "runs/many")
    assert list_steps(store, "runs/many") == [3, 4]
    assert not [key for key in store.list("runs/many") if "step-00000001" in key]
    assert checkpoints._KEEP == 2


def test_a_kill_while_writing_leaves_the_checkpoint_before(store, monkeypatch):
    config = mini()
    write_json = Store.write_json

    def fail(self, key, value):
        if key.endswith("step-00000004/metadata.json"):
            raise KilledError
        write_json(self, key, value)

    monkeypatch.setattr(Store, "write_json", fail)
    with pytest.raises(KilledError):
        train(config, store, BATCHES, "runs/torn")
    assert list_steps(store, "runs/torn") == [2]
    monkeypatch.undo()
    assert train(config, store, BATCHES, "runs/torn").resumed_from == 2
