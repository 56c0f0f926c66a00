import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.overlay_parser.checkpoint import (
    MAIN,
    SHIPPED,
    CheckpointReader,
    OpenParser,
    ParserPredictor,
    load_parser,
    load_predictor,
    save_parser,
)
from models.overlay_parser.config import ParserConfig
from models.overlay_parser.modeling import (
    OverlayParser,
)
from ops.outcomes import BadInputError
from ops.skins.procedural import make_skin
from tests.unit.models.overlay_parser.test_modeling import inputs


def test_a_saved_parser_is_the_same_parser(model: OverlayParser, tmp_path: Path) -> None:
    save_parser(model, tmp_path)
    loaded = load_parser(tmp_path)
    assert loaded.config == model.config and not loaded.training
    with torch.inference_mode():
        mine, theirs = model(*inputs()), loaded(*inputs())
    assert torch.equal(mine.button_logits, theirs.button_logits)
    assert torch.equal(mine.stick_logits, theirs.stick_logits)
    assert torch.equal(mine.sticks.places, theirs.sticks.places)


def _spoil_config(folder: Path, **changes: object) -> None:
    fields = json.loads((folder / MAIN.config).read_text())
    (folder / MAIN.config).write_text(json.dumps(fields | changes))


SPOILED = {
    "no weights": (lambda folder: (folder / MAIN.weights).unlink(), "model.safetensors is missing"),
    "no config": (lambda folder: (folder / MAIN.config).unlink(), "config.json is missing"),
    "cut weights": (
        lambda folder: (folder / MAIN.weights).write_bytes((folder / MAIN.weights).read_bytes()[:999]),
        "checkpoint",
    ),
    "a pickle": (lambda folder: (folder / MAIN.weights).write_bytes(b"\x80\x04\x95" + bytes(99)), "checkpoint"),
    "no JSON": (lambda folder: (folder / MAIN.config).write_text("{"), "checkpoint"),
    "no object": (lambda folder: (folder / MAIN.config).write_text("[1]"), "checkpoint"),
    "another shape": (lambda folder: _spoil_config(folder, decoder=24), "size mismatch"),
    "an unknown field": (lambda folder: _spoil_config(folder, colour=1), "colour"),
    "stages that differ": (lambda folder: _spoil_config(folder, heads=[1]), "same stages"),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_a_checkpoint_that_does_not_fit_says_so_in_one_line(kind: str, model: OverlayParser, tmp_path: Path) -> None:
    spoil, message = SPOILED[kind]
    save_parser(model, tmp_path)
    spoil(tmp_path)
    with pytest.raises(BadInputError, match=message) as caught:
        load_parser(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_predictor_reads_alike_in_batches_of_any_size(model: OverlayParser) -> None:
    pairs, reference = inputs(5)
    readings = [ParserPredictor(model, size)(pairs.numpy(), reference[0].numpy()) for size in (2, 64)]
    for name in ("pressed", "places", "certainty"):
        np.testing.assert_allclose(getattr(readings[0], name), getattr(readings[1], name), atol=1e-4)
    assert readings[0].pressed.shape == (5, 17) and readings[0].places.shape == (5, 2, 2)
    assert readings[0].pressed.min() >= 0 and readings[0].pressed.max() <= 1
    assert readings[0].certainty.min() >= 0 and readings[0].certainty.max() <= 1


def test_the_shipped_checkpoint_is_there_and_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 16 * 2**20
    assert isinstance(load_parser().config, ParserConfig)


def test_a_worker_opens_a_checkpoint_once_per_content() -> None:
    first, again, other = (OpenParser(SHIPPED, content)() for content in ("a", "a", "b"))
    assert first is again and first is not other
    assert isinstance(load_predictor(), ParserPredictor)


def test_a_second_network_reads_procedural_skins_where_there_is_one(model: OverlayParser, tmp_path: Path) -> None:
    template = make_skin("ps4-flat-01").template()
    published = replace(template, template_id="io-ds4")
    shipped = CheckpointReader()
    assert shipped(template) is not shipped(published)
    save_parser(model, tmp_path)
    alone = CheckpointReader(tmp_path)
    assert alone(template) is alone(published)


def test_a_reader_at_work_can_be_sent_to_another_process() -> None:
    import pickle

    reader = CheckpointReader()
    reader._main._run = lambda *_: None  # what a runtime makes of a network cannot be pickled
    again = pickle.loads(pickle.dumps(reader))
    assert isinstance(again, CheckpointReader) and again._main.model.config == reader._main.model.config
