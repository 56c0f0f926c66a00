import pickle

import pytest

from assets.workers.training_work import TrainingJob, run_training
from ops.store.storage import Store
from training import publish
from training.policy.recipes import tiny


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    calls: list[tuple] = []
    monkeypatch.setattr(publish, "train_policy", lambda *arguments: calls.append(arguments))
    return calls


def test_a_job_trains_the_recipe_on_all_batches(store: Store, asked: list[tuple]) -> None:
    for batch in ("batch-000001", "batch-000002"):
        store.write_json(f"dataset/shards/{batch}/manifest.json", {})
    run_training(TrainingJob(store, "policy/x", "tiny", shuffle_labels=False, num_workers=2))
    (call,) = asked
    assert call[1:] == (("batch-000001", "batch-000002"), tiny(), "policy/x", "tiny", None, 2)


def test_the_control_learns_from_shuffled_labels_alone(store: Store, asked: list[tuple]) -> None:
    for shuffled in (False, True):
        run_training(TrainingJob(store, "policy/x", "tiny", shuffled))
    plain, control = (call[2] for call in asked)
    assert plain != control
    assert not plain.data.shuffle_labels and control.data.shuffle_labels


def test_an_unknown_recipe_is_refused(store: Store, asked: list[tuple]) -> None:
    with pytest.raises(ValueError, match="nothing"):
        run_training(TrainingJob(store, "policy/x", "nothing", shuffle_labels=False))
    assert asked == []


def test_a_job_travels_to_a_worker(store: Store) -> None:
    job = TrainingJob(store, "policy/x", "tiny", shuffle_labels=True)
    copy = pickle.loads(pickle.dumps(job))
    assert (copy.key, copy.recipe, copy.shuffle_labels, copy.store.root) == ("policy/x", "tiny", True, store.root)
