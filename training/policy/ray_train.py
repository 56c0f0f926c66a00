"""The same training loop on several workers, through Ray Train; gloo on CPUs, NCCL on GPUs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ops.store.storage import Store
from training.policy.config import TrainConfig
from training.policy.data import World
from training.policy.loop import TrainReport, train

_REPORT: Final = "report.json"


def train_on_ray(
    config: TrainConfig,
    store: Store,
    batches: Sequence[str],
    run: str,
    num_workers: int = 2,
    use_gpu: bool = False,
) -> TrainReport:
    """Train on several workers; a run goes on with its last checkpoint, also with another number of workers.

    Ray is started locally unless it is running already or `RAY_ADDRESS` names a cluster.

    Args:
        config: the run; `num_workers` must divide its `num_streams`.
        store: must be reachable from all workers.
        batches: batches of shards.
        run: folder in the store for checkpoints.
        num_workers: processes, one CPU core or GPU each.
        use_gpu: whether each gets a GPU.

    Raises:
        ValueError: the workers cannot share the streams evenly.
        RuntimeError: training failed on a worker; the cause is in its message.
    """
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    if config.data.num_streams % num_workers:
        raise ValueError(f"num_streams {config.data.num_streams} must be a multiple of num_workers {num_workers}")
    with tempfile.TemporaryDirectory(prefix="overplay-train-") as scratch:
        report = Path(scratch) / "report"
        trainer = TorchTrainer(
            _work,
            train_loop_config={"config": config, "store": store, "batches": list(batches), "run": run},
            scaling_config=ScalingConfig(num_workers=num_workers, use_gpu=use_gpu),
            run_config=RunConfig(name="policy", storage_path=str(report)),
        )
        result = trainer.fit()
        if result.error is not None:
            raise RuntimeError(f"training on {num_workers} workers failed: {result.error}") from result.error
    fields = store.read_json(f"{run}/{_REPORT}")
    return TrainReport(**(fields | {"known": tuple(fields["known"])}))


def _work(arguments: dict[str, Any]) -> None:
    """Train as one of the workers; runs in a process of its own."""
    from dataclasses import asdict

    import torch
    from ray import train as ray_train

    context = ray_train.get_context()
    world = World(context.get_world_rank(), context.get_world_size())
    if not torch.cuda.is_available():
        torch.set_num_threads(1)  # workers share the cores
    result = train(**arguments, world=world)
    if world.rank == 0:
        # Not through Ray, which keeps metrics only beside a checkpoint of its own; ours are in the store.
        store: Store = arguments["store"]
        store.write_json(f"{arguments['run']}/{_REPORT}", asdict(result))
