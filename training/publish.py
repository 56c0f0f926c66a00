"""A run's result as a folder of the store: the averaged policy with its card, and its offline metrics."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from models.policy.checkpoint import save_policy
from ops.crawl.optout import TRAINED_ON
from ops.dataset.shards import dataset_content, read_index
from ops.store.layout import MANIFEST, OFFLINE, POLICY
from ops.store.storage import Store, fingerprint, sha256_file, to_json
from training.evaluation.evaluate import EvalConfig, evaluate
from training.metrics import Progress
from training.policy.checkpoint import load_state
from training.policy.config import EVALUATE_VERSION, TrainConfig
from training.policy.loop import TrainReport, run_fingerprint, train
from training.serving.infer import open_policy

DEFAULT_EVAL: Final = EvalConfig()
_REPORT: Final = "report.json"
_METRICS: Final = "metrics.jsonl"


def train_policy(
    store: Store,
    batches: Sequence[str],
    config: TrainConfig,
    key: str = POLICY,
    recipe: str = "",
    progress: Progress | None = None,
    num_workers: int = 1,
) -> TrainReport:
    """Train a policy (or go on with a killed run), publish its averaged weights under a key; the manifest comes last.

    Nothing is done when the published policy was made from the same shards, config and code.

    Args:
        store: holds the shards.
        batches: batches of shards.
        config: the run.
        key: folder for the policy.
        recipe: name for the card.
        progress: shows progress; not called when several workers train.
        num_workers: more than one train through Ray.
    """
    current = run_fingerprint(config, store, batches)
    if store.exists(f"{key}/{MANIFEST}") and store.read_json(f"{key}/{MANIFEST}")["fingerprint"] == current:
        stored = store.read_json(f"{key}/{_REPORT}")
        rows = store.read_bytes(f"{key}/{_METRICS}").decode().splitlines()
        return TrainReport(**_report_fields(stored), metrics=[json.loads(row) for row in rows], changed=False)
    run = f"policy/runs/{current[:16]}"
    if num_workers > 1:
        from training.policy.ray_train import train_on_ray

        report = train_on_ray(config, store, batches, run, num_workers)
    else:
        report = train(config, store, batches, run, progress)
    state = load_state(store, run, config)
    assert state is not None  # train ends with a checkpoint
    facts = {"recipe": recipe, "steps": state.step, "known": state.known.tolist(), "fingerprint": current}
    summary = {name: value for name, value in asdict(report).items() if name not in ("metrics", "changed")}
    with tempfile.TemporaryDirectory(prefix="overplay-") as name:
        folder = Path(name) / "policy"
        save_policy(folder, config.policy, state.ema, facts)
        rows = "".join(json.dumps(row) + "\n" for row in state.metrics)
        (folder / _METRICS).write_text(rows, encoding="utf-8")
        (folder / _REPORT).write_text(json.dumps(summary), encoding="utf-8")
        videos = {batch: sorted({row.video_id for row in read_index(store, batch)}) for batch in batches}
        (folder / TRAINED_ON).write_bytes(to_json(videos))
        publish_folder(store, key, folder, current)
    return report


def _report_fields(stored: dict[str, Any]) -> dict[str, Any]:
    return stored | {"known": tuple(stored["known"])}


def publish_folder(store: Store, key: str, folder: Path, current: str) -> None:
    """Copy a folder's files under a key, then write `manifest.json` with their hashes."""
    store.remove(f"{key}/{MANIFEST}")  # readers must not find the old manifest beside new files
    files = {}
    for path in sorted(folder.iterdir()):
        store.write_bytes(f"{key}/{path.name}", path.read_bytes())
        files[path.name] = sha256_file(path)
    store.write_json(f"{key}/{MANIFEST}", {"fingerprint": current, "files": files})


def build_offline(
    store: Store,
    batches: Sequence[str],
    key: str = POLICY,
    out: str = OFFLINE,
    config: EvalConfig = DEFAULT_EVAL,
) -> dict[str, Any]:
    """Return the offline metrics of a published policy on the held-out side; written to `<out>/metrics.json`.

    They are read back when they were made from the same policy, shards, config and code.
    """
    policy = store.read_json(f"{key}/{MANIFEST}")["fingerprint"]
    current = fingerprint(out, EVALUATE_VERSION, config, policy, dataset_content(store, batches))
    manifest = f"{out}/{MANIFEST}"
    if not store.exists(manifest) or store.read_json(manifest)["fingerprint"] != current:
        metrics = evaluate(open_policy(store, key, threshold=None), store, batches, config)
        store.remove(manifest)
        store.write_json(f"{out}/metrics.json", metrics)
        store.write_json(manifest, {"fingerprint": current})
    metrics = store.read_json(f"{out}/metrics.json")
    return dict(metrics)
