import dataclasses

import pytest

from tests.factories.policy_runs import BATCHES, KilledError, kill_at, mini


@pytest.mark.timeout(280)
def test_two_workers_train_what_one_trains(store):
    """One worker is killed, two go on through Ray Train (gloo), and one ends it: the losses are those of one alone."""
    ray = pytest.importorskip("ray")
    from training.policy.ray_train import train_on_ray

    policy = dataclasses.replace(
        mini().policy,
        mixing=dataclasses.replace(mini().policy.mixing, dropout=0.0),
        dit=dataclasses.replace(mini().policy.dit, dropout=0.0),
    )
    plain = dict.fromkeys(("brightness", "contrast", "crop"), 0)
    config = mini(policy=policy, augment=dataclasses.replace(mini().augment, **plain), steps=6)
    from training.policy.loop import train

    alone = train(config, store, BATCHES, "runs/alone")
    with pytest.raises(KilledError):
        train(config, store, BATCHES, "runs/pair", kill_at(3))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        pair = train_on_ray(config, store, BATCHES, "runs/pair", num_workers=2)
    finally:
        ray.shutdown()
    assert (pair.resumed_from, pair.steps) == (2, 6)
    for one, other in zip(alone.metrics, pair.metrics, strict=True):
        assert other["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert other["grad_norm"] == pytest.approx(one["grad_norm"], rel=1e-3)
    store.remove("runs/pair/step-00000006")  # as if it had been killed in its last steps
    last = train(config, store, BATCHES, "runs/pair")
    assert last.resumed_from == 4
    assert last.metrics[-1]["loss"] == pytest.approx(alone.metrics[-1]["loss"], rel=1e-4)


def share_known(rank: int, meeting: str, out: str) -> None:
    """Tell as one of two workers which channels were seen there; write which are known anywhere."""
    from pathlib import Path

    import torch

    from training.policy.data import World
    from training.policy.loop import known_anywhere

    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    known = known_anywhere(torch.tensor([rank == 0, rank == 1, False, True]), World(rank, 2), "cpu")
    Path(f"{out}-{rank}").write_text(str(known.tolist()))
    torch.distributed.destroy_process_group()


def test_a_channel_is_known_where_any_worker_saw_it(tmp_path):
    import torch

    torch.multiprocessing.spawn(share_known, (str(tmp_path / "meeting"), str(tmp_path / "known")), nprocs=2)
    for rank in range(2):
        assert (tmp_path / f"known-{rank}").read_text() == "[True, True, False, True]"
