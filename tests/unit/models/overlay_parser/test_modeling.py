import pytest
import torch

from models.overlay_parser.config import CONFIGS, GRID
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

SHAPE = (atlas.HEIGHT_PX, atlas.WIDTH_PX)


def inputs(batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    pairs = torch.randint(0, 256, (batch, 2, *SHAPE, 3), dtype=torch.uint8, generator=generator)
    return pairs, torch.randint(0, 256, (batch, *SHAPE, 7), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("name", ["tiny", "debug"])
def test_a_batch_of_pairs_gives_buttons_and_stick_grids(name: str) -> None:
    output = OverlayParser(CONFIGS[name]()).eval()(*inputs(3))
    assert output.button_logits.shape == (3, 17) and output.stick_logits.shape == (3, 2, GRID, GRID)


def test_rows_of_a_batch_do_not_see_each_other(model: OverlayParser) -> None:
    pairs, reference = inputs(3)
    with torch.inference_mode():
        together, alone = model(pairs, reference), model(pairs[1:2], reference[1:2])
    torch.testing.assert_close(together.button_logits[1:2], alone.button_logits, atol=1e-4, rtol=1e-4)


def test_both_frames_and_both_references_count(model: OverlayParser) -> None:
    pairs, reference = inputs(1)
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
    pairs, reference = inputs()
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
