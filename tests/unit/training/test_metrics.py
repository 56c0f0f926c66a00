import json

from tests.factories.policy_runs import BATCHES, mini
from training.policy.loop import train


def test_metrics_are_json_lines_and_tensorboard(store):
    train(mini(), store, BATCHES, "runs/metrics")
    rows = store.read_bytes("runs/metrics/step-00000004/metrics.jsonl").decode().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [1, 2, 3, 4]
    assert any("tfevents" in key for key in store.list("runs/metrics/tensorboard"))
