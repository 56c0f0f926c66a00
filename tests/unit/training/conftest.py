import pytest
import torch

from ops.store.storage import Store
from tests.factories.policy_data import make_dataset
from tests.factories.policy_runs import BATCHES, mini
from training.publish import train_policy


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Give shards and a policy that was trained on them; tests add runs of their own beside it."""
    torch.set_num_threads(1)
    store = Store(str(tmp_path_factory.mktemp("training")))
    make_dataset(store, num_train=2, num_val=2, seconds=3, chunk_s=1.5)
    train_policy(store, BATCHES, mini(steps=3), "policy/checkpoint", "mini")
    return store
