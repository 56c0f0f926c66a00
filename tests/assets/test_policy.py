from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from assets.policy import checkpoint, offline, rollouts, suite_facts
from assets.workers.play import ActorPolicy, SharedActor
from ops.gamepad import BENCHMARK
from ops.store.layout import ROLLOUTS
from ops.store.storage import Store
from simulator.play.suites import SUITES
from tests.assets.conftest import metadata_of
from tests.factories.policy_data import make_dataset


@pytest.fixture
def smoke(monkeypatch: pytest.MonkeyPatch) -> str:
    """A recipe of a few steps."""
    from training.policy import recipes

    def config():
        tiny = recipes.tiny()
        optimizer = replace(tiny.optimizer, warmup_steps=1, decay_steps=1)
        return replace(tiny, steps=4, noise_draws=1, optimizer=optimizer, data=replace(tiny.data, batch_size=4))

    monkeypatch.setitem(recipes.RECIPES, "smoke", config)
    return "smoke"


def test_policy_is_trained_measured_and_played_once(store: Store, materialize, smoke: str, monkeypatch) -> None:
    make_dataset(store, seconds=4.0, chunk_s=2.0)
    config = {
        "ops": {
            "policy__checkpoint": {"config": {"recipe": smoke}},
            "policy__rollouts": {"config": {"num_episodes": 2}},
        }
    }
    first = materialize([checkpoint, offline, rollouts], run_config=config)
    second = materialize([checkpoint, offline, rollouts], run_config=config)
    assert metadata_of(first, "policy/checkpoint")["num_done"] == 2
    assert metadata_of(first, "policy/checkpoint")["num_steps"] == 4
    assert "| policy |" in metadata_of(first, "policy/offline")["preview"]
    played = metadata_of(first, ROLLOUTS)
    assert {"return_policy", "return_random", "return_no-op", "return_shuffled_labels"} <= set(played)
    assert "data:image/jpeg" in played["preview"]
    for key in ("policy/checkpoint", "policy/offline", ROLLOUTS):
        assert metadata_of(second, key)["num_done"] == 0
    (check,) = first.get_asset_check_evaluations()
    assert check.check_name == "beats_random" and not check.blocking
    plays_a_suite(store, materialize, monkeypatch)


def plays_a_suite(store: Store, materialize, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the policy that is there play a suite of two tasks, of two kinds."""
    monkeypatch.setitem(SUITES, "pair", (("Doom", "Gallery"), ("Doom", "TakeCover")))
    config = {"ops": {"policy__rollouts": {"config": {"suite": "pair", "num_episodes": 2, "replan_rows": 8}}}}
    result = materialize([rollouts], run_config=config)
    played = metadata_of(result, ROLLOUTS)
    names = {"Doom Gallery", "Doom TakeCover", "game Doom", "kind combat", "kind game-specific", "all"}
    assert {name for name in played if name.startswith("success/")} == {f"success/{name}" for name in names}
    assert played["success_random"] == 0
    assert all(f"| {name} |" in played["preview"] for name in names)
    assert "data:image/jpeg" in played["preview"]
    results = store.read_json(f"{ROLLOUTS}/evaluations.json")
    assert {name: [len(one["successes"]) for one in ones] for name, ones in results.items()} == {
        name: [2, 2] for name in ("policy", "shuffled labels", "random", "no-op")
    }
    again = materialize([rollouts], run_config=config)
    assert metadata_of(again, ROLLOUTS)["num_done"] == 0


def test_rollouts_need_a_policy(materialize) -> None:
    with pytest.raises(FileNotFoundError, match="materialize policy/checkpoint first"):
        materialize([rollouts])


class _Actor:
    """Says in its first axis which call and row an action is from: call + row / 100."""

    horizon, control_hz, action_shift = 8, 15.0, 1

    def __init__(self) -> None:
        self.num_calls = 0

    def __call__(self, observation: np.ndarray, seed: int):
        sticks = np.zeros((self.horizon, 4), dtype=np.float32)
        sticks[:, 0] = (self.num_calls + np.arange(self.horizon)) / 100
        self.num_calls += 10
        return np.zeros((self.horizon, BENCHMARK.num_buttons), dtype=np.float32), sticks


def test_rows_are_played_at_the_time_they_are_meant_for() -> None:
    player = ActorPolicy(_Actor(), game_hz=30, replan_rows=3)
    player.reset(0)
    frame = np.zeros((8, 8, 3), dtype=np.uint8)
    played = [np.round(100 * player.act(frame).sticks[:, 0]).astype(int).tolist() for _ in range(2)]
    # At first nothing was planned before; then period 0 is row 3 - 1 of the chunk before, and so on.
    assert played == [[0, 0, 0, 0, 1, 1], [2, 2, 10, 10, 11, 11]]
    player.reset(1)
    assert np.round(100 * player.act(frame).sticks[0, 0]) == 20
    with pytest.raises(ValueError, match=r"replan_rows must be in 1\.\.8"):
        ActorPolicy(_Actor(), 30, 9)


class _BatchActor(_Actor):
    """Answers frames with their own brightness, and counts the batches."""

    def __init__(self, fails_at: int = -1) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.fails_at = fails_at
        self.config = SimpleNamespace(vision=SimpleNamespace(image_px=8), action_layout=BENCHMARK)

    def act(self, views: np.ndarray, generator) -> np.ndarray:
        if len(self.sizes) == self.fails_at:
            raise RuntimeError("no memory")
        self.sizes.append(len(views))
        packed = np.zeros((len(views), self.horizon, BENCHMARK.dim), dtype=np.float32)
        packed[..., BENCHMARK.num_buttons] = views[:, 0, 0, 0, None] / 255
        return packed

    def unpack(self, packed: np.ndarray):
        return BENCHMARK.unpack(packed)


def _episode(shared: SharedActor, place: int, num_calls: int) -> list[float]:
    seat = shared.seat(place)
    frame = np.full((256, 256, 3), 10 * place, dtype=np.uint8)
    try:
        return [float(seat(frame, call)[1][0, 0]) for call in range(num_calls)]
    finally:
        shared.leave(place)


def test_episodes_side_by_side_share_batches_until_they_end() -> None:
    actor = _BatchActor()
    shared = SharedActor(actor, 3)
    with ThreadPoolExecutor(3) as threads:
        played = list(threads.map(lambda place: _episode(shared, place, 2 + place), range(3)))
    assert actor.sizes == [3, 3, 2, 1]
    for place, values in enumerate(played):
        assert values == pytest.approx([2 * 10 * place / 255 - 1] * (2 + place))


def test_a_failing_network_ends_all_episodes() -> None:
    shared = SharedActor(_BatchActor(fails_at=1), 2)
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(_episode, shared, place, 3) for place in range(2)]
        for episode in waiting:
            with pytest.raises(RuntimeError, match="no memory"):
                episode.result(timeout=10)


def test_a_suite_is_told_by_task_game_and_kind_and_numbers_can_be_plotted() -> None:
    def result(task: str, successes: list[bool]) -> dict:
        return {"game": "Doom", "task": task, "successes": successes}

    facts = suite_facts(
        {
            "policy": [result("Gallery", [True] * 8), result("MyWayHome", [True] * 7 + [False])],
            "random": [result("Gallery", [False] * 8), result("MyWayHome", [False] * 8)],
            "no-op": [result("Gallery", [False] * 8), result("MyWayHome", [True] + [False] * 7)],
        }
    )
    assert facts["beats_random"] == {"policy": True, "no-op": False}
    assert facts["metadata"]["success/Doom MyWayHome"] == 7 / 8
    assert facts["metadata"]["success/kind navigation"] == 7 / 8
    assert facts["metadata"]["success_random"] == 0
    assert [row["player"] for row in facts["rows"]][:2] == ["policy", "policy"]
    assert {row["what"] for row in facts["rows"]} >= {"Doom Gallery", "game Doom", "kind combat", "all"}
