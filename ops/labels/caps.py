"""Follow a stick's cap by its look, to a fraction of a pixel, guided by a rough reading.

A network that must read any skin says roughly where a cap is. How far the cap moved is told far better by the video
itself: the cap looks the same wherever it goes, so its usual look is searched around the rough place in every frame
(normalised cross-correlation, the peak by a parabola). What is found counts only where it agrees with the rough
reading; a cap that cannot be told from what shines through it stays with that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ops.gamepad import Floats
from ops.skins.template import Pixels

Matrix = npt.NDArray[np.float64]

#: Looks are discs of these shares of the cap's radius: its inside alone, for caps with a texture, and with its edge.
_SHARES = (0.8, 1.1)
#: A look is made anew from the caps that it found, so many times.
_ROUNDS = 3
#: Share of the best found caps that a look is made of.
_BEST = 0.7
#: Correlation that a place loses at the distance of one spread from where it is expected.
_PULL = 0.1
#: Least and greatest spread around the expected place, in travels.
_SPREAD = (0.25, 0.7)
#: A look is taken if what it finds by itself is no further (root mean square, in travels) from what is expected, and
#: moves so many times as far as the rough reading: those fall short, and a cap that is not seen does not move at all.
_MOST_ERROR = 0.25
_GAIN = (0.5, 2.5)
#: Where a look correlates less than this the expected place is nearer to the truth than the found one.
_LEAST_SCORE = 0.45
#: Share of the places that are right (to within a quarter of full deflection), by their correlation, on 28 videos.
_SCORES, _SHARE_RIGHT = (0.0, 0.4, 0.55, 0.65, 0.8, 1.0), (0.7, 0.75, 0.9, 0.95, 0.975, 0.99)
#: The same share, of all places of a video, by how far what the look finds is from what is expected (as above).
_ERRORS, _SHARE_TRUSTED = (0.11, 0.16, 0.25), (1.0, 0.85, 0.6)
#: Frames count as moved from so many travels on; so many are needed to judge.
_MOVED, _LEAST_MOVED = 0.3, 5
#: A cap has a second look (pressed, say) if the first one fails and at least this share of the frames has it.
_SECOND_SHARE = 0.03


@dataclass(frozen=True)
class CapLook:
    """How to find a cap.

    Attributes:
        patches: pictures (2 h, 2 h, 3) float32 of the cap's looks, one or two.
        offsets: (len(patches), 2) place that each look gives where the rough reading is zero, in pixels.
        weight: (2 h, 2 h) float32, what each pixel counts.
        expected: (3, 2) affine map of rough places (x, y, 1) to places, in pixels.
        spread: standard deviation around it.
        error: root mean square distance, in travels, of what the looks find by themselves to what is expected.
    """

    patches: tuple[npt.NDArray[np.float32], ...]
    offsets: Matrix
    weight: npt.NDArray[np.float32]
    expected: Matrix
    spread: float
    error: float


@dataclass(frozen=True)
class _Fit:
    gain: float
    look: CapLook
    places: Matrix
    scores: Floats

    @property
    def sound(self) -> bool:
        return _GAIN[0] <= self.gain <= _GAIN[1]


def fit_look(windows: Pixels, rough: Matrix, usual: Pixels, radius: float, travel: float) -> CapLook | None:
    """Return how to find a cap, or None where its look does not tell where it is.

    Args:
        windows: (n, s, s, 3) uint8 stick windows of some frames, among them such in which the stick is moved.
        rough: (n, 2) x, y of the cap from the window's centre as it was read, in pixels.
        usual: (s, s, 3) uint8, the window with the stick at rest.
        radius: of the cap in pixels.
        travel: of the cap at full deflection in pixels.
    """
    tried = [_fits(windows, rough, usual, radius * share, travel) for share in _SHARES]
    one = _best([fit for fits in tried for fit in fits])
    if one is None or one.look.error > _MOST_ERROR:
        two = [fit for fits in tried for fit in _two_looks(fits, windows, rough, travel)]
        one = _best([*two, *([one] if one else [])])
    return one.look if one is not None and one.look.error <= _MOST_ERROR else None


def follow(look: CapLook, windows: Pixels, rough: Matrix, travel: float) -> tuple[Floats, Floats]:
    """Return (n, 2) places x, y in pixels, zero where the rough reading has it on average, and how sure each is (n,).

    Args:
        look: of `fit_look`.
        windows: as there, of all frames.
        rough: as there.
        travel: as there.
    """
    reach = int(np.ceil(2.5 * look.spread)) + 1
    expected = _affine(rough, look.expected)
    whole = np.round(np.clip(expected, -1.4 * travel, 1.4 * travel)).astype(int)
    places = np.zeros((len(windows), len(look.patches), 2))
    scores = np.zeros((len(windows), len(look.patches)))
    for number, (patch, offset) in enumerate(zip(look.patches, look.offsets, strict=True)):
        maps = _maps(windows, patch, look.weight, whole, reach)
        found, scores[:, number] = _peaks(maps, expected - whole, look.spread)
        places[:, number] = found + whole - offset
    rows, chosen = np.arange(len(windows)), scores.argmax(axis=1)
    place, score = places[rows, chosen], scores[rows, chosen]
    lost = score < _LEAST_SCORE
    place[lost] = expected[lost] - look.offsets[0]
    sure = np.interp(score, _SCORES, _SHARE_RIGHT) * np.interp(look.error, _ERRORS, _SHARE_TRUSTED)
    return place.astype(np.float32), sure.astype(np.float32)


def _best(fits: list[_Fit]) -> _Fit | None:
    return min((fit for fit in fits if fit.sound), key=lambda fit: fit.look.error, default=None)


def _fits(windows: Pixels, rough: Matrix, usual: Pixels, radius: float, travel: float) -> list[_Fit]:
    """Return fits by the usual look, and by the looks that are made anew from the caps it found."""
    half, middle = _half_side(radius, usual), usual.shape[0] // 2
    weight = disc = _disc(half, radius)
    patch = usual[middle - half : middle + half, middle - half : middle + half].astype(np.float32)
    fits = []
    for _ in range(_ROUNDS):
        fits.append(_fit((patch,), windows, rough, weight, travel))
        places, scores = fits[-1].places, fits[-1].scores
        caps = _aligned(windows, places, half)[scores >= np.quantile(scores, 1 - _BEST)]
        patch = np.median(caps, axis=0)
        change = np.median(np.abs(caps - patch).mean(axis=-1), axis=0)
        weight = disc / (change**2 + 9)
        weight /= weight.max()
    return fits


def _two_looks(firsts: list[_Fit], windows: Pixels, rough: Matrix, travel: float) -> list[_Fit]:
    """Return fits with a second look, of the frames in which the first one (of `_fits`) is not found."""
    fits = []
    for first in firsts[:2]:
        odd = first.scores < min(float(np.median(first.scores)) - 0.15, 0.75)
        if odd.sum() < max(_LEAST_MOVED, _SECOND_SHARE * len(odd)):
            continue
        half = len(first.look.weight) // 2
        caps = _aligned(windows[odd], _affine(rough[odd], first.look.expected), half)
        for _ in range(2):
            distance = np.abs(caps - np.median(caps, axis=0)).mean(axis=(1, 2, 3))
            patch = np.median(caps[distance <= np.quantile(distance, _BEST)], axis=0)
            alone = _fit((patch,), windows[odd], rough[odd], first.look.weight, travel)
            caps = _aligned(windows[odd], alone.places, half)
        fits.append(_fit((first.look.patches[0], patch), windows, rough, first.look.weight, travel))
    return fits


def _fit(
    patches: tuple[npt.NDArray[np.float32], ...],
    windows: Pixels,
    rough: Matrix,
    weight: npt.NDArray[np.float32],
    travel: float,
) -> _Fit:
    """Search for looks everywhere, and fit what is found to the rough reading."""
    reach = int(np.ceil(1.25 * travel + 1.5))
    centre = np.zeros((len(windows), 2), dtype=int)
    maps = np.stack([_maps(windows, patch, weight, centre, reach) for patch in patches], axis=1)
    chosen = maps.max(axis=(2, 3)).argmax(axis=1)
    maps = maps[np.arange(len(maps)), chosen]
    known = np.eye(len(patches))[chosen]
    expected, spread = rough, _SPREAD[1] * travel
    for _ in range(2):
        places, scores = _peaks(maps, expected, spread)
        affine, around = _robust_fit(np.hstack([rough, known]), places)
        expected = np.hstack([rough, known]) @ affine
        spread = float(np.clip(2 * around, _SPREAD[0] * travel, _SPREAD[1] * travel))
    affine[2:] += _near_rest(places - expected, rough, travel)
    free, _ = _peaks(maps, expected, np.inf)
    off = np.minimum(np.hypot(*(free - expected).T), travel)
    error = float(np.sqrt((off**2).mean())) / travel
    look = CapLook(patches, affine[2:], weight, affine[:3], spread, error)
    return _Fit(_gain(places, rough, travel), look, places, scores)


def _gain(places: Matrix, rough: Matrix, travel: float) -> float:
    """Return how far a cap goes where the rough reading goes by one pixel; 1 where it hardly ever goes."""
    moves = rough - np.median(rough, axis=0)
    far = np.hypot(*moves.T) > _MOVED * travel
    if far.sum() < _LEAST_MOVED:
        return 1.0
    found = places - np.median(places[~far] if (~far).any() else places, axis=0)
    return float(np.median((found[far] * moves[far]).sum(axis=1) / (moves[far] ** 2).sum(axis=1)))


def _near_rest(off: Matrix, rough: Matrix, travel: float) -> Matrix:
    """Return (2,) by how much found places differ from expected ones where the stick was read near its rest."""
    near = np.hypot(*rough.T) < _MOVED * travel
    return np.median(off[near], axis=0) if near.sum() >= _LEAST_MOVED else np.zeros(2)


def _robust_fit(inputs: Matrix, places: Matrix) -> tuple[Matrix, float]:
    """Return the linear map of inputs to places that most of them agree with, and their spread along an axis."""
    weight = np.ones((len(inputs), 1))
    for _ in range(10):
        affine = np.asarray(np.linalg.lstsq(inputs * weight, places * weight, rcond=None)[0], dtype=np.float64)
        off = np.hypot(*(places - inputs @ affine).T)
        spread = max(1.26 * float(np.median(off)), 0.05)
        weight = (1 / np.sqrt(1 + (off / (2 * spread)) ** 2))[:, None]
    return affine, spread


def _affine(rough: Matrix, expected: Matrix) -> Matrix:
    return np.asarray(rough @ expected[:2] + expected[2])


def _half_side(radius: float, window: Pixels) -> int:
    return int(min(np.ceil(radius + 1), window.shape[0] // 2 - 3))


def _disc(half: int, radius: float) -> npt.NDArray[np.float32]:
    steps = np.arange(2 * half) - half + 0.5
    return np.asarray(np.clip(radius + 0.5 - np.hypot(steps[:, None], steps), 0, 1), dtype=np.float32)


def _maps(
    windows: Pixels, patch: npt.NDArray[np.float32], weight: npt.NDArray[np.float32], centres: Matrix, reach: int
) -> npt.NDArray[np.float32]:
    """Return correlations (n, 2 reach + 1, 2 reach + 1) of a patch around centres (n, 2), in whole pixels."""
    import cv2

    half, middle = len(patch) // 2, windows.shape[1] // 2
    pad = 2 * reach + half
    side = 2 * (reach + half)
    corner = middle - half - reach + pad + centres
    weights = np.repeat(weight[..., None], 3, axis=2)
    maps = np.empty((len(windows), 2 * reach + 1, 2 * reach + 1), dtype=np.float32)
    for row, window in enumerate(windows):
        if row and np.array_equal(window, windows[row - 1]) and (centres[row] == centres[row - 1]).all():
            maps[row] = maps[row - 1]
            continue
        padded = cv2.copyMakeBorder(window, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        left, top = corner[row]
        part = padded[top : top + side, left : left + side].astype(np.float32)
        maps[row] = cv2.matchTemplate(part, patch, cv2.TM_CCOEFF_NORMED, mask=weights)
    return np.nan_to_num(maps, nan=-1, posinf=-1, neginf=-1)


def _peaks(maps: npt.NDArray[np.float32], expected: Matrix, spread: float) -> tuple[Matrix, Floats]:
    """Return the places (n, 2) of the peaks of maps, pulled to where they are expected, and the correlations there."""
    reach, rows = maps.shape[1] // 2, np.arange(len(maps))
    steps = np.arange(-reach, reach + 1)
    far = (steps - expected[:, :1])[:, None, :] ** 2 + (steps - expected[:, 1:])[:, :, None] ** 2
    y, x = np.unravel_index((maps - _PULL * far / spread**2).reshape(len(maps), -1).argmax(axis=1), maps.shape[1:])
    inner_y, inner_x = np.clip(y, 1, 2 * reach - 1), np.clip(x, 1, 2 * reach - 1)
    across = _vertex(*(maps[rows, y, inner_x + step] for step in (-1, 0, 1))) * (x == inner_x)
    down = _vertex(*(maps[rows, inner_y + step, x] for step in (-1, 0, 1))) * (y == inner_y)
    return np.stack([x + across - reach, y + down - reach], axis=1).astype(np.float64), maps[rows, y, x]


def _vertex(before: Floats, at: Floats, after: Floats) -> Floats:
    """Return where the parabola through three neighbours has its top, from the middle one."""
    bend = np.minimum(before - 2 * at + after, -1e-9)
    return np.asarray(np.clip((before - after) / (2 * bend), -0.5, 0.5), dtype=np.float32)


def _aligned(windows: Pixels, places: Matrix, half: int) -> npt.NDArray[np.float32]:
    """Return the caps (n, 2 half, 2 half, 3) that lie at places from the windows' middles."""
    import cv2

    middle = (windows.shape[1] - 1) / 2
    size = (2 * half, 2 * half)
    caps = [
        cv2.getRectSubPix(window, size, (middle + float(x), middle + float(y)))
        for window, (x, y) in zip(windows, places, strict=True)
    ]
    return np.stack(caps).astype(np.float32)
