from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ops.store.storage import Store
from ops.truth.synthesize import SynthesisConfig
from training.parser import data as parser_data
from training.parser.config import smoke
from training.parser.loop import train_parser
from training.policy.checkpoint import list_steps

CONFIG = replace(smoke(), synthesis=SynthesisConfig(num_frames=4, width_px=(150, 170)))
RUN = "parser/runs/test"


@pytest.fixture(autouse=True)
def _few_skins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_data, "_POOL_SKINS", 2)
    torch.set_num_threads(1)


class StoppedError(Exception):
    pass


def _stop(*_: object) -> None:
    raise StoppedError


def test_a_stopped_run_ends_in_the_very_weights_of_an_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = train_parser(CONFIG, Store(str(tmp_path / "a")), RUN, num_workers=0)
    stopped = Store(str(tmp_path / "b"))
    with monkeypatch.context() as patch:
        from training.parser import loop as parser_loop

        real, calls = parser_loop._step, []

        def step(*arguments):
            calls.append(1)
            return real(*arguments) if len(calls) < 6 else _stop()

        patch.setattr(parser_loop, "_step", step)
        with pytest.raises(StoppedError):
            train_parser(CONFIG, stopped, RUN, num_workers=0)
    assert list_steps(stopped, RUN) == [3]
    resumed = train_parser(CONFIG, stopped, RUN, num_workers=0)
    assert (unbroken.resumed_from, resumed.resumed_from) == (0, 3)
    weights = unbroken.model.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in resumed.model.state_dict().items())
    assert resumed.metrics == unbroken.metrics

    again = train_parser(CONFIG, stopped, RUN, num_workers=0)
    assert again.resumed_from == CONFIG.steps
    assert all(torch.equal(value, weights[name]) for name, value in again.model.state_dict().items())


def test_training_lowers_the_loss_on_what_it_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is the same batch here, so that a few steps suffice to tell."""
    batch = parser_data.SyntheticPairs(CONFIG)[0]
    monkeypatch.setattr(parser_data.SyntheticPairs, "__getitem__", lambda self, step: batch)
    config = replace(CONFIG, steps=80, warmup_steps=4, learning_rate=5e-3, checkpoint_every=100)
    rows: list[dict] = []
    report = train_parser(
        config, Store(str(tmp_path)), RUN, lambda step, steps, row: rows.append({"at": step, **row}), num_workers=0
    )
    assert [row["at"] for row in rows] == list(range(10, 81, 10)) and report.metrics[-1]["step"] == 80
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    assert not report.model.training


def test_another_recipe_does_not_go_on_from_this_one(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    train_parser(replace(CONFIG, steps=1), store, RUN, num_workers=0)
    with pytest.raises(ValueError, match=r"learning_rate was 0.002, is 0.1"):
        train_parser(replace(CONFIG, steps=1, learning_rate=0.1), store, RUN, num_workers=0)
