"""Training checkpoints: everything a run needs to go on as if it had not stopped.

A checkpoint is a folder of a store, `<run>/step-00001000/`. Its `metadata.json` is written last, and without it the
folder does not exist for any reader: a kill at any moment leaves a whole checkpoint or none. Nothing is unpickled:
weights are safetensors, the optimizer's state is read with `weights_only=True`.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any, Final

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from ops.store.storage import Store
from training.policy.config import TrainConfig

_LAST: Final = "metadata.json"
#: Finished checkpoints that stay; the older ones are removed.
_KEEP: Final = 2


@dataclass(frozen=True)
class TrainState:
    """A run after some steps.

    Attributes:
        step: steps done.
        model: weights.
        ema: their average.
        optimizer: its `state_dict`.
        loader: its `state_dict`.
        known: (channels,) bool, which action channels had a known label so far.
        metrics: rows of metrics so far.
    """

    step: int
    model: dict[str, Tensor]
    ema: dict[str, Tensor]
    optimizer: dict[str, Any]
    loader: dict[str, Any]
    known: Tensor
    metrics: list[dict[str, Any]]


def save_state(store: Store, run: str, config: TrainConfig, state: TrainState) -> None:
    """Write a checkpoint, then remove old ones."""
    folder = f"{run}/step-{state.step:08d}"
    store.remove(folder)  # what a killed run left half written
    for name, weights in (("model", state.model), ("ema", state.ema)):
        plain = {key: value.detach().cpu().contiguous() for key, value in weights.items()}
        store.write_bytes(f"{folder}/{name}.safetensors", save_safetensors(plain))
    buffer = io.BytesIO()
    torch.save({"optimizer": state.optimizer, "loader": state.loader, "known": state.known}, buffer)
    store.write_bytes(f"{folder}/train_state.pt", buffer.getvalue())
    store.write_bytes(f"{folder}/metrics.jsonl", "".join(json.dumps(row) + "\n" for row in state.metrics).encode())
    store.write_json(f"{folder}/config.json", config.to_dict())
    store.write_json(f"{folder}/{_LAST}", {"step": state.step})
    for step in list_steps(store, run)[:-_KEEP]:
        old = f"{run}/step-{step:08d}"
        store.remove(f"{old}/{_LAST}")
        store.remove(old)


def list_steps(store: Store, run: str) -> list[int]:
    """Return the steps of a run's whole checkpoints, ascending."""
    keys = (key.removeprefix(f"{run}/").split("/") for key in store.list(run))
    return sorted(int(parts[0].removeprefix("step-")) for parts in keys if len(parts) == 2 and parts[1] == _LAST)


def load_state(store: Store, run: str, config: TrainConfig) -> TrainState | None:
    """Return the newest checkpoint of a run, None where there is none.

    Raises:
        ValueError: it was made with another config.
    """
    steps = list_steps(store, run)
    if not steps:
        return None
    folder = f"{run}/step-{steps[-1]:08d}"
    _refuse_changes(store.read_json(f"{folder}/config.json"), config, folder)
    extra = torch.load(io.BytesIO(store.read_bytes(f"{folder}/train_state.pt")), weights_only=True)
    rows = store.read_bytes(f"{folder}/metrics.jsonl").decode().splitlines()
    return TrainState(
        step=steps[-1],
        model=load_safetensors(store.read_bytes(f"{folder}/model.safetensors")),
        ema=load_safetensors(store.read_bytes(f"{folder}/ema.safetensors")),
        metrics=[json.loads(row) for row in rows],
        **extra,
    )


def _refuse_changes(stored: dict[str, Any], config: TrainConfig, folder: str) -> None:
    current = json.loads(json.dumps(config.to_dict()))  # tuples as lists, as they were stored
    changes = sorted(_differences(stored, current))
    if changes:
        raise ValueError(
            f"{folder} was made with another config: {'; '.join(changes)}. Use that config, or train under another run"
        )


def _differences(stored: Any, current: Any, path: str = "") -> list[str]:
    if isinstance(stored, dict) and isinstance(current, dict):
        names = stored.keys() | current.keys()
        return [
            line
            for name in names
            for line in _differences(stored.get(name), current.get(name), f"{path}.{name}" if path else name)
        ]
    return [] if stored == current else [f"{path} was {stored!r}, is {current!r}"]
