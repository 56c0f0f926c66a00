"""Training of policies as work for a mapper. Workers import this module, so it does not know Dagster."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ops.dataset.shards import list_shard_batches
from ops.store.storage import Store


@dataclass(frozen=True)
class TrainingJob:
    """One policy to train; picklable.

    Attributes:
        store: holds the shards, receives the policy.
        key: where the policy is published.
        recipe: name in `training.policy.recipes`.
        shuffle_labels: train the control experiment.
        num_workers: that train it together.
        init: checkpoint (folder or a file like ng.pt) to fine-tune; the network is then the checkpoint's.
        vision_init: published SigLIP weights to start the image encoder from (a folder, or a name on the hub).
        freeze_vision: leave the image encoder as it starts.
    """

    store: Store
    key: str
    recipe: str
    shuffle_labels: bool
    num_workers: int = 1
    init: str = ""
    vision_init: str = ""
    freeze_vision: bool = False


def run_training(job: TrainingJob, progress: Callable[[int, int, dict[str, Any]], None] | None = None) -> Any:
    """Train what a job says on all shards of its store; return `training.policy.loop.TrainReport`.

    Args:
        job: what to train.
        progress: called with (step, steps of the run, row of metrics) in this process.
    """
    from training.policy.recipes import fine_tuned, get_recipe, with_shuffled_labels
    from training.publish import train_policy

    config = fine_tuned(get_recipe(job.recipe), job.init, job.vision_init, job.freeze_vision)
    if job.shuffle_labels:
        config = with_shuffled_labels(config)
    batches = list_shard_batches(job.store)
    return train_policy(job.store, batches, config, job.key, job.recipe, progress, job.num_workers)
