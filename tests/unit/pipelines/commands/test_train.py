from pathlib import Path
from types import SimpleNamespace

import pytest

from assets.workers import training_work
from models.control_finder import modeling
from models.overlay_parser import checkpoint
from ops.store.storage import Store
from training.parser import finder, loop
from training.parser.config import get_parser_recipe


def test_a_policy_needs_shards(run) -> None:
    done = run("train", "policy")
    assert done.exit_code == 1 and "no shards in" in done.output


@pytest.mark.parametrize("changed, said", [(True, "trained now"), (False, "was there already")])
def test_a_policy_is_trained_as_it_is_asked_for(
    run, store: Store, monkeypatch: pytest.MonkeyPatch, changed: bool, said: str
) -> None:
    store.write_json("dataset/shards/batch-000001/manifest.json", {})
    jobs: list[training_work.TrainingJob] = []

    def train(job: training_work.TrainingJob, progress) -> SimpleNamespace:
        jobs.append(job)
        progress(1, 2, {"loss": 0.5})
        return SimpleNamespace(changed=changed, steps=2, loss=0.25)

    monkeypatch.setattr(training_work, "run_training", train)
    done = run("train", "policy", "--recipe", "small", "--key", "policy/x", "--shuffled", "--init", "ng.pt")
    assert done.exit_code == 0, done.output
    (job,) = jobs
    assert (job.key, job.recipe, job.shuffle_labels, job.init) == ("policy/x", "small", True, "ng.pt")
    assert f"{said}; 2 steps, loss 0.2500" in " ".join(done.output.split())


def test_a_parser_is_trained_by_its_recipe_into_a_folder(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple] = []

    def train(config, store, key, progress, workers) -> SimpleNamespace:
        asked.append((config, key, workers))
        return SimpleNamespace(model="model", wall_s=1.0)

    monkeypatch.setattr(loop, "train_parser", train)
    monkeypatch.setattr(checkpoint, "save_parser", lambda model, folder: (folder / "model").write_text(model))
    out = tmp_path / "deep" / "parser"
    for held_out in ("io-*", "vsc-*"):
        done = run("train", "parser", "--recipe", "smoke", "--out", out, "--hold-out", held_out, "--workers", 0)
        assert done.exit_code == 0, done.output
    assert (out / "model").read_text() == "model"
    (first, first_key, workers), (second, second_key, _) = asked
    assert first.steps == get_parser_recipe("smoke").steps and first.held_out == ("io-*",)
    assert first_key != second_key, "another config is another run"
    assert second.held_out == ("vsc-*",) and workers == 0


def test_an_unknown_recipe_is_bad_usage(run) -> None:
    assert run("train", "parser", "--recipe", "nothing").exit_code == 2


def test_a_finder_is_trained_on_as_many_looks_as_asked(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[finder.FinderTrainConfig] = []
    monkeypatch.setattr(finder, "train_finder", lambda config, progress: asked.append(config) or "model")
    monkeypatch.setattr(modeling, "save_finder", lambda model, folder: (folder / "model").write_text(model))
    done = run("train", "finder", "--out", tmp_path / "finder", "--looks", 64, "--steps", 3)
    assert done.exit_code == 0, done.output
    assert (asked[0].num_skins, asked[0].steps) == (64, 3)
    assert (tmp_path / "finder" / "model").exists()
    assert run("train", "finder", "--looks", 31).exit_code == 2
