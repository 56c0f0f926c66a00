"""The network: SegFormer over [previous | current] control atlases, each with the skin's idle look as channels.

Shape suffixes: B batch, C channels, H and W atlas pixels, h and w feature pixels (a quarter), G grid side.
A stick's window is 11 feature pixels wide, so the feature map at a quarter of the resolution is the 11 x 11 grid.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention
from transformers import SegformerConfig, SegformerModel

from models.overlay_parser.config import GRID, ParserConfig
from ops.gamepad import DATASET_BUTTONS, STICKS
from ops.labels import atlas

#: Channels of the encoder's input: RGB of the frame, idle look (RGB, alpha), usual look (RGB), how far the frame is
#: from each of the two.
NUM_CHANNELS = 16
#: RGB. In the looks, the idle one's come first, then its alpha, then the usual one's.
_COLOURS = 3
_USUAL_FROM = 4
#: Atlas pixels per feature pixel, to each side: the stride of the encoder's first stage.
_STRIDE = 4
#: Side of the encoder's patches in its first stage and in the others, in their pixels (SegFormer).
_FIRST_PATCH = 7
_PATCH = 3
#: A SegFormer block's hidden layer is as many times wider than its tokens (SegFormer).
_MLP_RATIO = 4
#: The stick reader shrinks its window by this, to each side.
_STICK_STRIDE = 4
#: The stick reader's input: as the encoder's, but differences keep their sign.
_STICK_CHANNELS = 16
#: What the stick reader puts out of a stick: x, y, logarithm of the error to expect.
_STICK_OUTPUTS = 3
#: An 8-bit value over this, less 1, is in [-1, 1].
_HALF_RANGE = 127.5
#: Sticks that move by less of their window are not asked to be read any finer.
_LEAST_REACH = 0.08
#: A stick is read right if its place is right to within as many half-windows: about a quarter of the way from its
#: rest to full deflection.
RIGHT_WITHIN = 0.06
#: The mean error of a stick's place is taken to be within these (logarithms of half-windows).
_LOG_SPREAD = (-6.0, 0.0)
#: Cells around the grid's maximum whose mass tells the place. Chosen, not measured.
_NEAR_CELLS = 2
#: Keeps the logarithm of a certainty finite.
_TINY = 1e-6
#: Standard deviation of the grid's target, in cells. Chosen, not measured.
_TARGET_CELLS = 0.75
# Weights and scales of the loss. Chosen in the first runs; none was tuned by itself since.
#: Errors of a place below this share of the travel count by their square.
_PLACE_BETA = 0.15
#: Of how well the error is expected, beside the error itself.
_SPREAD_WEIGHT = 0.05
#: Of the grid, beside buttons and places.
_GRID_WEIGHT = 0.3
_THUMBS = tuple(DATASET_BUTTONS.index(name) for name in ("left_thumb", "right_thumb"))


class StickOutput(NamedTuple):
    """Where caps are.

    Attributes:
        places: (B, 2, 2) x, y of each cap's centre in half-windows.
        log_spread: (B, 2) logarithm of the mean error to expect, in half-windows.
    """

    places: Tensor
    log_spread: Tensor


class ParserOutput(NamedTuple):
    """What the network says of a batch of frame pairs.

    Attributes:
        button_logits: (B, 17), the current frame's buttons.
        stick_logits: (B, 2, G, G), scores of where each cap's centre is in its window, y then x.
        sticks: the same read finely.
    """

    button_logits: Tensor
    stick_logits: Tensor
    sticks: StickOutput


class StickReader(nn.Module):
    """Convolutions over a stick's window at full resolution: on many pads a cap moves by two pixels, all told."""

    def __init__(self, config: ParserConfig) -> None:
        super().__init__()
        first, second, third = config.stick_channels
        self.features = nn.Sequential(
            nn.Conv2d(_STICK_CHANNELS, first, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(second, third, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(third, third, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.head = nn.Sequential(
            nn.Linear(third * (atlas.STICK_PX // _STICK_STRIDE) ** 2, config.stick_hidden),
            nn.ReLU(),
            nn.Linear(config.stick_hidden, _STICK_OUTPUTS),
        )

    def forward(self, frames: Tensor, reference: Tensor) -> StickOutput:
        """Return places.

        Args:
            frames: (B, H, W, 3) uint8 atlases.
            reference: (B, H, W, 7) uint8, see `OverlayParser.forward`.
        """
        frame, looks = (_planes(_windows(x)) for x in (frames, reference))
        idle, usual = looks[:, :_COLOURS], looks[:, _USUAL_FROM:]
        found = self.head(self.features(torch.cat([frame, looks, frame - idle, frame - usual], dim=1)).flatten(1))
        found = found.float().view(-1, len(STICKS), _STICK_OUTPUTS)
        return StickOutput(found[..., :2], found[..., 2].clamp(*_LOG_SPREAD))


class OverlayParser(nn.Module):
    """Reads buttons and stick places from pairs of control atlases."""

    def __init__(self, config: ParserConfig) -> None:
        super().__init__()
        self.config = config
        stages = len(config.hidden)
        self.encoder = SegformerModel(
            SegformerConfig(
                num_channels=NUM_CHANNELS,
                num_encoder_blocks=stages,
                depths=list(config.depths),
                sr_ratios=list(config.reductions),
                hidden_sizes=list(config.hidden),
                num_attention_heads=list(config.heads),
                patch_sizes=[_FIRST_PATCH] + [_PATCH] * (stages - 1),
                strides=[_STRIDE] + [2] * (stages - 1),
                mlp_ratios=[_MLP_RATIO] * stages,
                drop_path_rate=0.0,
            )
        )
        self.project = nn.ModuleList(nn.Conv2d(width, config.decoder, 1) for width in config.hidden)
        self.fuse = nn.Sequential(
            nn.Conv2d(config.decoder * stages, config.decoder, 1),
            nn.ReLU(),
            nn.Conv2d(config.decoder, config.decoder, 3, padding=1),
            nn.ReLU(),
            nn.Dropout2d(config.dropout),
        )
        cells = atlas.BUTTON_PX // _STRIDE
        self.button_rows = -(-len(DATASET_BUTTONS) // ((atlas.WIDTH_PX - atlas.STICK_PX) // atlas.BUTTON_PX)) * cells
        self.button_head = nn.Sequential(
            nn.Conv2d(config.decoder, config.decoder, cells, stride=cells), nn.ReLU(), nn.Conv2d(config.decoder, 1, 1)
        )
        self.stick_head = nn.Conv2d(config.decoder, 1, 1)
        self.stick_reader = StickReader(config) if config.stick_channels else None
        self.thumb_head = nn.Sequential(
            nn.Linear(config.decoder, config.decoder), nn.ReLU(), nn.Linear(config.decoder, 1)
        )

    def forward(self, pairs: Tensor, reference: Tensor) -> ParserOutput:
        """Return logits.

        Args:
            pairs: (B, 2, H, W, 3) uint8, the previous and the current atlas.
            reference: (B, H, W, 7) uint8, atlases of the idle look (RGBA) and of the video's usual look (RGB); one
                row serves all pairs.
        """
        frames = _planes(torch.cat([pairs[:, 0], pairs[:, 1]], dim=2))
        looks = _planes(torch.cat([reference, reference], dim=2))
        differences = [(frames - looks[:, :_COLOURS]).abs(), (frames - looks[:, _USUAL_FROM:]).abs()]
        x_bchw = torch.cat([frames, looks.expand(frames.shape[0], -1, -1, -1), *differences], dim=1)
        features = self.encoder(x_bchw, output_hidden_states=True).hidden_states
        height, width = features[0].shape[-2:]
        levels = [
            F.interpolate(project(level), size=(height, width), mode="bilinear", align_corners=False)[..., width // 2 :]
            for project, level in zip(self.project, features, strict=True)
        ]
        current = self.fuse(torch.cat(levels, dim=1))
        stick_columns = atlas.STICK_PX // _STRIDE
        buttons_bhw = self.button_head(current[..., : self.button_rows, stick_columns:])[:, 0]
        logits_bk = buttons_bhw.flatten(1)[:, : len(DATASET_BUTTONS)].float()
        windows = current[..., :stick_columns].chunk(len(STICKS), dim=2)
        sticks = torch.stack([self.stick_head(window)[:, 0] for window in windows], dim=1).float()
        for index, window in enumerate(windows):
            thumb = self._thumb(window, sticks[:, index])
            # Its own cell tells where the skin shows it away from the cap.
            logits_bk[:, _THUMBS[index]] = thumb if self.stick_reader is None else logits_bk[:, _THUMBS[index]] + thumb
        if self.stick_reader is None:
            return ParserOutput(logits_bk, sticks, grid_sticks(sticks))
        return ParserOutput(
            logits_bk, sticks, self.stick_reader(pairs[:, 1], reference.expand(pairs.shape[0], -1, -1, -1))
        )

    def _thumb(self, window_bchw: Tensor, stick_logits_bgg: Tensor) -> Tensor:
        """Return (B,) logits of a thumb button: what the cap looks like where it is now, not where it rests."""
        mass = stick_logits_bgg.detach().flatten(1).softmax(dim=-1)
        look_bc = torch.einsum("bcp,bp->bc", window_bchw.flatten(2), mass.to(window_bchw.dtype))
        return cast("Tensor", self.thumb_head(look_bc))[:, 0].float()


def _planes(x_bhwc: Tensor) -> Tensor:
    """Return (B, C, H, W) in [-1, 1] of (B, H, W, C) uint8."""
    return x_bhwc.permute(0, 3, 1, 2).contiguous().float() / _HALF_RANGE - 1


def _windows(atlas_bhwc: Tensor) -> Tensor:
    """Return (2 B, S, S, C): the sticks' windows of atlases."""
    side = atlas.STICK_PX
    return atlas_bhwc[:, : len(STICKS) * side, :side].reshape(-1, side, side, atlas_bhwc.shape[-1])


def grid_points(device: torch.device | None = None) -> Tensor:
    """Return (G,): the grid's coordinates in half-windows, -1 at one edge of a stick's window and 1 at the other."""
    step = 2 * _STRIDE / atlas.STICK_PX
    return (torch.arange(GRID, device=device) - (GRID - 1) / 2) * step


def grid_sticks(stick_logits: Tensor) -> StickOutput:
    """Return where caps are by the grid alone: the more mass lies around the maximum, the smaller the error to expect.

    The place is the mean over the mass around the maximum, so it is finer than the grid and other bumps do not pull it.
    """
    batch = stick_logits.shape[0]
    mass = stick_logits.flatten(2).softmax(dim=-1).view_as(stick_logits)
    best = mass.flatten(2).argmax(dim=-1)
    rows, columns = best // GRID, best % GRID
    index = torch.arange(GRID, device=stick_logits.device)
    near_row = (index - rows[..., None]).abs() <= _NEAR_CELLS
    near_column = (index - columns[..., None]).abs() <= _NEAR_CELLS
    local = mass * (near_row[..., :, None] & near_column[..., None, :])
    total = local.sum(dim=(-2, -1))
    points = grid_points(stick_logits.device)
    x = (local.sum(dim=-2) * points).sum(dim=-1) / total
    y = (local.sum(dim=-1) * points).sum(dim=-1) / total
    # The spread for which `stick_certainty` gives that mass.
    spread = RIGHT_WITHIN / -(1 - total).clamp(_TINY, 1 - _TINY).log()
    return StickOutput(torch.stack([x, y], dim=-1).view(batch, len(STICKS), 2), spread.log())


def stick_certainty(log_spread: Tensor) -> Tensor:
    """Return the probability that a place is off by no more than `RIGHT_WITHIN` (errors as Laplace has them)."""
    return 1 - torch.exp(-RIGHT_WITHIN / log_spread.exp())


def stick_loss(sticks: StickOutput, places: Tensor, reach: Tensor) -> Tensor:
    """Return the loss of a stick reader: errors in deflections, and how well they are expected (see `parser_loss`)."""
    known = places.isfinite().all(dim=-1)
    travel = reach[known].clamp_min(_LEAST_REACH)[:, None]
    off = (sticks.places[known] - places[known]) / travel
    log_spread = sticks.log_spread[known] - travel[:, 0].log()
    mean = off.detach().abs().mean(dim=-1)
    place = F.smooth_l1_loss(off, torch.zeros_like(off), beta=_PLACE_BETA)
    return place + _SPREAD_WEIGHT * (mean / log_spread.exp() + log_spread).mean()


def parser_loss(
    output: ParserOutput, buttons: Tensor, places: Tensor, reach: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return (loss, its parts).

    Args:
        output: of the network.
        buttons: (B, 17) in {0, 1}, NaN unknown: no loss.
        places: (B, 2, 2) cap centres x, y in half-windows, NaN unknown.
        reach: (B, 2) full travel in half-windows: an error counts by the deflection that it makes.
    """
    known = buttons.isfinite()
    button = F.binary_cross_entropy_with_logits(output.button_logits[known], buttons[known])
    stick_known = places.isfinite().all(dim=-1)
    logits, truth = output.stick_logits[stick_known], places[stick_known]
    points = grid_points(logits.device)
    sigma = _TARGET_CELLS * (points[1] - points[0])
    column = -((points - truth[:, None, 0]) ** 2) / (2 * sigma**2)
    row = -((points - truth[:, None, 1]) ** 2) / (2 * sigma**2)
    target = (row[:, :, None] + column[:, None, :]).flatten(1).softmax(dim=-1)
    grid = F.cross_entropy(logits.flatten(1), target)
    mass = logits.flatten(1).softmax(dim=-1).view_as(logits)
    mean = torch.stack([(mass.sum(dim=1) * points).sum(-1), (mass.sum(dim=2) * points).sum(-1)], dim=-1)
    travel = reach[stick_known].clamp_min(_LEAST_REACH)[:, None]
    place = F.smooth_l1_loss(mean / travel, truth / travel, beta=_PLACE_BETA)
    fine = stick_loss(output.sticks, places, reach)
    loss = button + _GRID_WEIGHT * grid + place + fine
    parts = {"button": button, "grid": grid, "place": place, "stick": fine}
    return loss, {name: part.detach() for name, part in parts.items()}
