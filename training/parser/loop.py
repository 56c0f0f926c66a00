"""Train the parser: AdamW, warm-up and linear decay, averaged weights, exact resume; a batch follows from its step."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from models.overlay_parser.checkpoint import load_parser
from models.overlay_parser.modeling import OverlayParser, parser_loss, stick_loss
from ops.store.storage import Store
from training.metrics import Metrics, Progress
from training.parser.config import ParserTrainConfig
from training.parser.data import PairBatch, SyntheticPairs
from training.policy.checkpoint import TrainState, load_state, save_state

#: Seeds of two runs are as far apart as no run has steps; a prime.
_SEED_STRIDE = 1_000_003
#: Steps between two rows of metrics.
_LOG_EVERY = 10
#: The average of a run's first steps follows the weights closely: its decay at step n is n / (n + 9) at most.
_AVERAGE_WARMUP = 10


@dataclass(frozen=True)
class ParserTrainReport:
    """What a run did.

    Attributes:
        model: averaged weights, in eval mode.
        metrics: one row per logged step.
        resumed_from: the step it went on from.
        wall_s: of this run.
    """

    model: OverlayParser
    metrics: list[dict[str, Any]]
    resumed_from: int
    wall_s: float


def train_parser(
    config: ParserTrainConfig, store: Store, run: str, progress: Progress | None = None, num_workers: int = 1
) -> ParserTrainReport:
    """Train, or go on training, and return the averaged weights.

    Args:
        config: the recipe; a run that was begun with another one is refused.
        store: where checkpoints go.
        run: folder of this run in the store.
        progress: called for each logged row.
        num_workers: processes that make clips beside this one; 0 makes them here.
    """
    started = time.monotonic()
    torch.manual_seed(config.seed)
    model = load_parser(Path(config.start_from)) if config.start_from else OverlayParser(config.model)
    if model.config != config.model:
        raise ValueError(
            f"{config.start_from} is a {model.config}, the recipe trains a {config.model}: "
            "give the checkpoint of a run whose recipe has the same `model`"
        )
    average = OverlayParser(config.model)
    average.load_state_dict(model.state_dict())
    if config.only_sticks and model.stick_reader is None:
        raise ValueError("only_sticks: this network has no stick reader; give its config stick_channels")
    trained = model.stick_reader if config.only_sticks and model.stick_reader is not None else model
    optimizer = torch.optim.AdamW(trained.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    state = load_state(store, run, config)
    first = 0
    if state is not None:
        first = state.step
        model.load_state_dict(state.model)
        average.load_state_dict(state.ema)
        optimizer.load_state_dict(state.optimizer)
    metrics = Metrics(store, run, state.metrics if state else [], enabled=True)
    steps = range(first, config.steps)
    # Not forked: a thread of this process (the progress bar's, Arrow's) may hold a lock that the copy would wait for.
    context = "spawn" if num_workers else None
    loader = DataLoader(
        Subset(SyntheticPairs(config), list(steps)), None, num_workers=num_workers, multiprocessing_context=context
    )
    for step, batch in zip(steps, loader, strict=True):
        torch.manual_seed(config.seed * _SEED_STRIDE + step)  # dropout is a function of the step too
        row = _step(model, average, optimizer, batch, config, step)
        if (step + 1) % _LOG_EVERY == 0 or step + 1 == config.steps:
            metrics.add(row)
            if progress is not None:
                progress(step + 1, config.steps, row)
        if (step + 1) % config.checkpoint_every == 0 or step + 1 == config.steps:
            done = TrainState(
                step + 1,
                model.state_dict(),
                average.state_dict(),
                optimizer.state_dict(),
                {},
                torch.ones(0),
                metrics.rows,
            )
            save_state(store, run, config, done)
    metrics.close()
    return ParserTrainReport(average.eval(), metrics.rows, first, time.monotonic() - started)


def _step(
    model: OverlayParser,
    average: OverlayParser,
    optimizer: torch.optim.Optimizer,
    batch: PairBatch,
    config: ParserTrainConfig,
    step: int,
) -> dict[str, Any]:
    rate = config.learning_rate * min(1.0, (step + 1) / config.warmup_steps) * (1 - step / config.steps)
    for group in optimizer.param_groups:
        group["lr"] = rate
    model.train()
    if config.only_sticks and model.stick_reader is not None:
        loss = stick_loss(model.stick_reader(batch.pairs[:, 1], batch.reference), batch.places, batch.reach)
        parts: dict[str, Tensor] = {}
    else:
        output = model(batch.pairs, batch.reference)
        loss, parts = parser_loss(output, batch.buttons, batch.places, batch.reach)
        known = batch.buttons.isfinite()
        parts["button_error"] = ((output.button_logits > 0) != (batch.buttons > 0.5))[known].float().mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], config.clip_norm)
    optimizer.step()
    _update_average(average, model, min(config.ema_decay, (step + 1) / (step + _AVERAGE_WARMUP)))
    row = {"step": step + 1, "loss": loss.item(), "lr": rate, "grad_norm": float(norm)}
    return row | {name: value.item() for name, value in parts.items()}


@torch.no_grad()
def _update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    pairs: list[tuple[Tensor, Tensor]] = list(
        zip(average.state_dict().values(), model.state_dict().values(), strict=True)
    )
    for mean, value in pairs:
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)
