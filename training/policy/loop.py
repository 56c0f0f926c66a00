"""The training loop of the policy: the same code on one CPU core and on many workers.

Everything random in step n is drawn from generators seeded by (seed, n, stream or worker), so a run that is killed and
started again goes on from its last checkpoint and ends with the same weights as one that was not.
"""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from models.policy.checkpoint import load_weights
from models.policy.flow_matching import sample_times
from models.policy.modeling import Policy
from models.policy.vision import load_pretrained
from ops.dataset.shards import dataset_content
from ops.store.storage import Store, fingerprint
from training.metrics import Metrics, Progress
from training.policy.augment import build_augmentation
from training.policy.checkpoint import TrainState, load_state, save_state
from training.policy.chunks import list_sources
from training.policy.config import TRAIN_VERSION, TrainConfig, learning_rate
from training.policy.data import ALONE, Batch, Loader, World, prefetch

#: Threads that decode for one worker, at most; a GPU step is then waiting for something else.
_MAX_DECODERS: Final = 16
#: The reported loss is the mean over the last of so many parts of the logged steps.
_LOSS_PARTS: Final = 10
#: Keeps a division finite where a run did nothing, in seconds.
_TINY_S: Final = 1e-9
#: The average of a run's first steps follows the weights closely (see `OptimizerConfig.ema_decay`).
_AVERAGE_WARMUP: Final = 10


@dataclass(frozen=True)
class TrainReport:
    """What a training run did.

    Attributes:
        fingerprint: of data, config and code.
        steps: optimizer steps in all.
        resumed_from: step of the checkpoint it went on from, 0 for none.
        loss: mean over the last tenth of the logged steps.
        wall_s: of this call.
        steps_per_s: of this call.
        num_samples: training samples per epoch.
        data_wait: share of the steps' time in which they waited for data.
        known: (channels,) which action channels had a known label.
        metrics: logged rows of the whole run.
        changed: False when the published policy was current and nothing was done.
    """

    fingerprint: str
    steps: int
    resumed_from: int
    loss: float
    wall_s: float
    steps_per_s: float
    num_samples: int
    data_wait: float
    known: tuple[bool, ...]
    metrics: list[dict[str, Any]] = field(default_factory=list)
    changed: bool = True


def run_fingerprint(config: TrainConfig, store: Store, batches: Sequence[str]) -> str:
    """Return the fingerprint of a run: equal data, config and code train equal policies."""
    return fingerprint("policy", TRAIN_VERSION, config, dataset_content(store, batches))


def train(
    config: TrainConfig,
    store: Store,
    batches: Sequence[str],
    run: str,
    progress: Progress | None = None,
    world: World = ALONE,
) -> TrainReport:
    """Train a policy, or go on with the run's last checkpoint.

    Args:
        config: the run.
        store: holds the shards; receives checkpoints.
        batches: batches of shards to train on.
        run: folder in the store for checkpoints and metrics.
        progress: called after each logged step on the first worker.
        world: this worker; with more than one, `torch.distributed` must be initialized.

    Raises:
        ValueError: there is nothing to train on, or the run's checkpoint is of another config.
    """
    started = time.monotonic()
    trainer = _Trainer(config, store, batches, run, world)
    first, waited_s, stepped_s = trainer.step, 0.0, 0.0
    metrics = Metrics(store, run, trainer.rows, enabled=world.rank == 0)
    with closing(trainer.loader), closing(prefetch(iter(trainer.loader), pin=trainer.on_gpu)) as batches_of_run:
        while trainer.step < config.steps:
            waiting = time.monotonic()
            batch = next(batches_of_run)
            stepping = time.monotonic()
            loss, norm = trainer.train_step(batch)
            waited_s, stepped_s = waited_s + stepping - waiting, stepped_s + time.monotonic() - stepping
            if trainer.step % config.log_every == 0 or trainer.step == config.steps:
                row = {"step": trainer.step, "loss": loss.item(), "grad_norm": norm.item(), "lr": trainer.last_lr}
                metrics.add(row)
                if progress is not None and world.rank == 0:
                    speed = {"data_s": stepping - waiting, "step_s": time.monotonic() - stepping}
                    progress(trainer.step, config.steps, row | speed)
            if trainer.step % config.checkpoint_every == 0 or trainer.step == config.steps:
                trainer.known = known_anywhere(trainer.known, world, trainer.device)
                if world.rank == 0:
                    save_state(store, run, config, trainer.state(batch.state, metrics.rows))
    metrics.close()
    wall_s = time.monotonic() - started
    last = [row["loss"] for row in metrics.rows[-max(1, len(metrics.rows) // _LOSS_PARTS) :]]
    return TrainReport(
        fingerprint=run_fingerprint(config, store, batches),
        steps=trainer.step,
        resumed_from=first,
        loss=float(np.mean(last)),
        wall_s=wall_s,
        steps_per_s=(trainer.step - first) / wall_s,
        num_samples=trainer.loader.num_samples,
        data_wait=waited_s / max(waited_s + stepped_s, _TINY_S),
        known=tuple(trainer.known.tolist()),
        metrics=metrics.rows,
    )


class _Trainer:
    """The parts of a run that change with every step."""

    def __init__(self, config: TrainConfig, store: Store, batches: Sequence[str], run: str, world: World) -> None:
        self.config, self.world = config, world
        self.on_gpu = torch.cuda.is_available()
        self.device = torch.device("cuda", torch.cuda.current_device()) if self.on_gpu else "cpu"
        sources = list_sources(store, batches, "train")
        threads = max(1, min(_MAX_DECODERS, (os.cpu_count() or 1) // world.size))
        self.loader = Loader(store, sources, config.policy, config.data, config.seed, world, threads)
        self.augment = build_augmentation(config.augment, config.policy.vision.image_px)
        torch.manual_seed(config.seed)
        policy = Policy(config.policy)
        self.step, self.rows = 0, list[dict[str, Any]]()
        self.known = torch.zeros(config.policy.action_dim, dtype=torch.bool)
        state = load_state(store, run, config)
        if state is not None:
            policy.load_state_dict(state.model)
        elif config.init:
            load_weights(policy, config.init)
        elif config.vision_init:
            load_pretrained(policy.vision_encoder, config.vision_init)
        for name, parameter in policy.named_parameters():
            if name.startswith(config.freeze):
                parameter.requires_grad_(False)
        self.policy = policy.to(self.device)
        self.ema = copy.deepcopy(self.policy).requires_grad_(False)
        self.trained = [parameter for parameter in self.policy.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.trained, config.optimizer.lr, config.optimizer.betas, weight_decay=config.optimizer.weight_decay
        )
        if state is not None:
            self.ema.load_state_dict(state.ema)
            self.optimizer.load_state_dict(state.optimizer)
            self.loader.load_state_dict(state.loader)
            self.step, self.known, self.rows = state.step, state.known, state.metrics
        self.module: nn.Module = self.policy
        if world.size > 1:
            self.module = nn.parallel.DistributedDataParallel(self.policy)

    @property
    def last_lr(self) -> float:
        """The learning rate of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def train_step(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Do one step; return (loss over all workers' samples, gradient norm before clipping)."""
        config = self.config
        torch.manual_seed(_seed(config.seed, self.step, self.world.rank))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, config)
        noise, times = draw_noise(batch, config, self.step)
        self.known |= torch.isfinite(batch.actions).any(dim=0).any(dim=0)
        frames = self.augment(batch.frames.to(self.device, non_blocking=True))
        arguments = (tensor.to(self.device) for tensor in (batch.actions, noise, times))
        half = torch.autocast(torch.device(self.device).type, torch.bfloat16)
        self.module.train()
        with half if config.precision == "bf16" else nullcontext():
            total, count = self.module(frames, *arguments)
        everywhere = torch.stack([total.detach(), count])
        if self.world.size > 1:
            torch.distributed.all_reduce(everywhere)
        # Gradients are averaged over workers, so each scales its sum to get the mean over all known values.
        loss = total * self.world.size / everywhere[1].clamp(min=1)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.trained, config.optimizer.clip_norm)
        self.optimizer.step()
        self._average()
        self.step += 1
        return everywhere[0] / everywhere[1].clamp(min=1), norm

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.config.optimizer.ema_decay, (1 + self.step) / (_AVERAGE_WARMUP + self.step))
        for average, value in zip(self.ema.parameters(), self.policy.parameters(), strict=True):
            if value.requires_grad:
                average.lerp_(value, 1 - decay)

    def state(self, loader: dict[str, Any], rows: list[dict[str, Any]]) -> TrainState:
        """Return what a checkpoint holds."""
        return TrainState(
            step=self.step,
            model=self.policy.state_dict(),
            ema=self.ema.state_dict(),
            optimizer=self.optimizer.state_dict(),
            loader=loader,
            known=self.known,
            metrics=rows,
        )


def known_anywhere(known: Tensor, world: World, device: torch.device | str) -> Tensor:
    """Return (channels,) which action channels had a known label on any worker; all of them must call it."""
    if world.size == 1:
        return known
    seen = known.to(device, torch.uint8)
    torch.distributed.all_reduce(seen, torch.distributed.ReduceOp.MAX)
    return seen.bool().cpu()


def draw_noise(batch: Batch, config: TrainConfig, step: int) -> tuple[Tensor, Tensor]:
    """Return (noise (draws * batch, horizon, channels), times (draws * batch,)) of a step.

    Each stream has its own generator, so its samples get the same noise whichever worker has them.
    """
    noise, times = [], []
    for stream in dict.fromkeys(batch.streams):
        count = batch.streams.count(stream)
        generator = torch.Generator().manual_seed(_seed(config.seed, step, stream, 1))
        noise.append(torch.randn(config.noise_draws, count, *batch.actions.shape[1:], generator=generator))
        drawn = sample_times(config.noise_draws * count, config.policy.flow, generator)
        times.append(drawn.view(config.noise_draws, count))
    return torch.cat(noise, dim=1).flatten(0, 1), torch.cat(times, dim=1).flatten()


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> np.uint64(1))
