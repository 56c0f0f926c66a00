import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.overlay_parser.checkpoint import (
    MAIN,
    PROCEDURAL,
    SHIPPED,
    CheckpointReader,
    Network,
    OpenParser,
    ParserPredictor,
    load_parser,
    load_predictor,
    save_parser,
)
from models.overlay_parser.config import CONFIGS, GRID, ParserConfig, b0, debug
from models.overlay_parser.modeling import (
    OverlayParser,
    ParserOutput,
    StickOutput,
    grid_points,
    grid_sticks,
    parser_loss,
    stick_certainty,
    stick_loss,
)
from ops.labels import atlas
from ops.outcomes import BadInputError
from ops.skins.procedural import make_skin

SHAPE = (atlas.HEIGHT_PX, atlas.WIDTH_PX)


@pytest.fixture(scope="module")
def model() -> OverlayParser:
    torch.manual_seed(0)
    return OverlayParser(debug()).eval()


def _inputs(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    pairs = torch.randint(0, 256, (batch, 2, *SHAPE, 3), dtype=torch.uint8, generator=generator)
    return pairs, torch.randint(0, 256, (batch, *SHAPE, 7), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("name", ["tiny", "debug"])
def test_a_batch_of_pairs_gives_buttons_and_stick_grids(name: str) -> None:
    output = OverlayParser(CONFIGS[name]()).eval()(*_inputs(3))
    assert output.button_logits.shape == (3, 17) and output.stick_logits.shape == (3, 2, GRID, GRID)


def test_the_published_encoder_can_be_built() -> None:
    num_parameters = sum(p.numel() for p in OverlayParser(b0()).parameters())
    assert 3_300_000 < num_parameters < 8_000_000, "SegFormer-B0's encoder has 3.3 M"


def test_rows_of_a_batch_do_not_see_each_other(model: OverlayParser) -> None:
    pairs, reference = _inputs(3)
    with torch.inference_mode():
        together, alone = model(pairs, reference), model(pairs[1:2], reference[1:2])
    torch.testing.assert_close(together.button_logits[1:2], alone.button_logits, atol=1e-4, rtol=1e-4)


def test_both_frames_and_both_references_count(model: OverlayParser) -> None:
    pairs, reference = _inputs(1)
    with torch.inference_mode():
        before = model(pairs, reference).button_logits
        for change in (pairs[:, 0], pairs[:, 1], reference[..., :4], reference[..., 4:]):
            kept = change.clone()
            change.copy_(255 - kept)
            assert not torch.allclose(model(pairs, reference).button_logits, before)
            change.copy_(kept)


def _cap_at(*places: tuple[float, float]) -> torch.Tensor:
    """Return logits (1, 2, G, G) of bumps at x, y in half-windows, one per stick."""
    points = grid_points()
    grids = [
        -((points[None, :] - x) ** 2 + (points[:, None] - y) ** 2) / (2 * (points[1] - points[0]) ** 2)
        for x, y in places
    ]
    return torch.stack(grids)[None].float()


def test_places_of_the_grid_are_x_then_y_and_finer_than_it() -> None:
    found = grid_sticks(_cap_at((0.31, -0.12), (-0.4, 0.05)))
    torch.testing.assert_close(found.places, torch.tensor([[[0.31, -0.12], [-0.4, 0.05]]]), atol=0.03, rtol=0)
    assert (stick_certainty(found.log_spread) > 0.9).all()


def test_another_bump_far_away_does_not_pull_and_lowers_the_certainty() -> None:
    logits = torch.logaddexp(_cap_at((0.6, 0.6), (0, 0)), _cap_at((-0.7, -0.7), (0, 0)) - 0.2)
    found = grid_sticks(logits)
    torch.testing.assert_close(found.places[0, 0], torch.tensor([0.6, 0.6]), atol=0.05, rtol=0)
    certainty = stick_certainty(found.log_spread)
    assert certainty[0, 0] < 0.7 < certainty[0, 1]


def test_each_stick_is_read_in_its_own_window(model: OverlayParser) -> None:
    pairs, reference = _inputs()
    frames = pairs[:, 1].clone()
    with torch.inference_mode():
        before = model.stick_reader(frames, reference)
        frames[:, : atlas.STICK_PX, : atlas.STICK_PX] = 255 - frames[:, : atlas.STICK_PX, : atlas.STICK_PX]
        after = model.stick_reader(frames, reference)
    assert not torch.allclose(before.places[:, 0], after.places[:, 0])
    assert torch.equal(before.places[:, 1], after.places[:, 1])
    assert torch.equal(before.log_spread[:, 1], after.log_spread[:, 1])


def test_a_stick_is_the_more_certain_the_smaller_its_expected_error() -> None:
    certainty = stick_certainty(torch.tensor([0.01, 0.06, 0.6]).log())
    torch.testing.assert_close(certainty, torch.tensor([0.9975, 0.6321, 0.0952]), atol=1e-4, rtol=0)


def test_the_stick_loss_counts_deflections_and_wants_the_error_that_there_is() -> None:
    places, short, long = torch.tensor([[[0.1, 0.0]]]), torch.tensor([[0.1]]), torch.tensor([[0.4]])
    off = StickOutput(torch.zeros(1, 1, 2), torch.full((1, 1), 0.05).log())
    assert stick_loss(off, places, short) > 4 * stick_loss(off, places, long) > 0
    surer = StickOutput(off.places, torch.full((1, 1), 0.002).log())
    assert stick_loss(surer, places, short) > stick_loss(off, places, short)
    unknown = torch.full((1, 1, 2), torch.nan)
    both = StickOutput(torch.zeros(1, 2, 2), torch.zeros(1, 2))
    alone = stick_loss(StickOutput(both.places[:, :1], both.log_spread[:, :1]), places, short)
    torch.testing.assert_close(stick_loss(both, torch.cat([places, unknown], 1), torch.full((1, 2), 0.1)), alone)


def test_the_grid_spans_the_window() -> None:
    points = grid_points()
    assert len(points) == GRID and points[GRID // 2] == 0
    assert points[0] == -points[-1] and 0.8 < points[-1] < 1


def _anywhere(batch: int) -> StickOutput:
    return StickOutput(torch.zeros(batch, 2, 2), torch.zeros(batch, 2))


def _loss(output: ParserOutput, buttons: torch.Tensor, places: torch.Tensor) -> dict[str, float]:
    loss, parts = parser_loss(output, buttons, places, torch.full((len(buttons), 2), 0.4))
    return {"loss": loss.item(), **{name: part.item() for name, part in parts.items()}}


def test_the_loss_falls_when_either_part_is_right() -> None:
    buttons = torch.zeros(1, 17)
    buttons[0, 3] = 1
    places = torch.tensor([[[0.3, -0.2], [0.0, 0.5]]])
    right = ParserOutput((buttons - 0.5) * 12, _cap_at((0.3, -0.2), (0, 0.5)), _anywhere(1))
    swapped = ParserOutput(right.button_logits, _cap_at((-0.2, 0.3), (0.5, 0)), _anywhere(1))
    released = ParserOutput(torch.full((1, 17), -6.0), right.stick_logits, _anywhere(1))
    best = _loss(right, buttons, places)
    assert best["button"] < 0.01 and best["place"] < 0.01
    assert _loss(swapped, buttons, places)["place"] > 0.1 and _loss(swapped, buttons, places)["loss"] > best["loss"]
    assert _loss(released, buttons, places)["button"] > 0.2


def test_what_is_unknown_has_no_loss_and_no_gradient() -> None:
    logits = torch.zeros(2, 17, requires_grad=True)
    sticks = torch.zeros(2, 2, GRID, GRID, requires_grad=True)
    buttons, places = torch.zeros(2, 17), torch.zeros(2, 2, 2)
    buttons[0, 5], places[1, 1] = float("nan"), float("nan")
    loss, _ = parser_loss(ParserOutput(logits, sticks, _anywhere(2)), buttons, places, torch.full((2, 2), 0.4))
    loss.backward()
    assert torch.isfinite(loss) and logits.grad[0, 5] == 0 and (sticks.grad[1, 1] == 0).all()
    assert (logits.grad != 0).sum() == 2 * 17 - 1 and (sticks.grad[0] != 0).any()


def test_a_saved_parser_is_the_same_parser(model: OverlayParser, tmp_path: Path) -> None:
    save_parser(model, tmp_path)
    loaded = load_parser(tmp_path)
    assert loaded.config == model.config and not loaded.training
    with torch.inference_mode():
        mine, theirs = model(*_inputs()), loaded(*_inputs())
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
    pairs, reference = _inputs(5)
    readings = [ParserPredictor(model, size)(pairs.numpy(), reference[0].numpy()) for size in (2, 64)]
    for name in ("pressed", "places", "certainty"):
        np.testing.assert_allclose(getattr(readings[0], name), getattr(readings[1], name), atol=1e-4)
    assert readings[0].pressed.shape == (5, 17) and readings[0].places.shape == (5, 2, 2)
    assert readings[0].pressed.min() >= 0 and readings[0].pressed.max() <= 1
    assert readings[0].certainty.min() >= 0 and readings[0].certainty.max() <= 1


@pytest.mark.parametrize("network", [MAIN, PROCEDURAL])
def test_the_fast_runtime_reads_what_the_network_reads(network: Network) -> None:
    pairs, reference = _inputs(5)
    fast, plain = (
        ParserPredictor(load_parser(network=network), runtime=name)(pairs.numpy(), reference[0].numpy())
        for name in ("onnx", "torch")
    )
    for name in ("pressed", "places", "certainty"):
        np.testing.assert_allclose(getattr(fast, name), getattr(plain, name), atol=1e-4)


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
