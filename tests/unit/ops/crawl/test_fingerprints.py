"""Fingerprints: another cut of a video agrees, another video does not, and the index finds which one."""

import numpy as np
import pytest

from ops.crawl.duplicates import Index, from_table, to_table
from ops.crawl.fingerprints import STEP_S, Fingerprint, compare, fingerprint_frames
from tests.factories.scenes import scene

SECONDS = 45.0


def seen(
    seed: int, start_s: float = 0.0, stop_s: float = SECONDS, fps: float = 12.0, copy: bool = False
) -> Fingerprint:
    """Return the fingerprint of a scene; a copy has other brightness, noise, a logo, half the size and a late frame."""
    times_s = np.arange(start_s, stop_s, 1 / fps)
    pictures = scene(seed, times_s) * 200 + 20
    if copy:
        pictures = pictures[:, ::2, ::2] * 0.9 + 15
        pictures += np.random.default_rng(seed).normal(0, 3, pictures.shape)
        pictures[:, 1:3, 1:4] = 250
    luma = np.clip(pictures, 0, 255).astype(np.uint8)
    return fingerprint_frames(zip(times_s - start_s, luma, strict=True))


@pytest.fixture(scope="module")
def known() -> dict[str, Fingerprint]:
    return {f"video-{seed}": seen(seed) for seed in range(4)}


@pytest.fixture(scope="module")
def index(known: dict[str, Fingerprint]) -> Index:
    sketches = {name: found.sketch() for name, found in known.items()}
    return Index.build(("batch-000001", name, sketch.steps, sketch.codes) for name, sketch in sketches.items())


@pytest.mark.parametrize(("start_s", "fps"), [(0.0, 12.0), (7.37, 10.0), (9.1, 25.0)])
def test_another_cut_is_found_at_its_shift(known, index: Index, start_s: float, fps: float) -> None:
    again = seen(3, start_s, 40.0, fps, copy=True)
    number, shift = index.candidates(again)[0]
    assert index.names[number] == "video-3" and abs(shift - start_s / STEP_S) <= 1.5
    overlap = min((compare(again, known["video-3"], shift + by) for by in (-1, 0, 1)), key=lambda one: one.error)
    assert overlap.same and overlap.error < 0.2 and overlap.share > 0.95


def test_another_video_is_not(known: dict[str, Fingerprint], index: Index) -> None:
    other = seen(77, copy=True)
    for number, shift in index.candidates(other):
        assert not compare(other, known[index.names[number]], shift).same
    best = min(compare(other, one, shift).error for one in known.values() for shift in range(-40, 41))
    assert best > 0.33, "far from the limit, even at the shift that suits best"


def test_a_short_common_part_is_no_duplicate(known: dict[str, Fingerprint]) -> None:
    """A shared intro of a quarter of a video does not make it the same."""
    intro, rest = scene(3, np.arange(0, 11, 1 / 12)), scene(55, np.arange(11, SECONDS, 1 / 12))
    luma = (np.concatenate([intro, rest]) * 200 + 20).astype(np.uint8)
    mixed = fingerprint_frames(zip(np.arange(len(luma)) / 12, luma, strict=True))
    assert compare(mixed, seen(3, stop_s=11.0), 0).error < 0.05
    assert not compare(mixed, known["video-3"], 0).same


def test_nothing_that_moves_has_no_codes_and_nothing_is_like_it(index: Index) -> None:
    still = fingerprint_frames((k / 30, np.full((24, 32), 90, np.uint8)) for k in range(600))
    assert len(still) == 0 and index.candidates(still) == [] and not compare(still, still, 0).same
    assert len(fingerprint_frames(iter(()))) == 0
    gap = [(t, np.full((24, 32), int(t) * 9 % 256, np.uint8)) for t in (0.0, 0.1, 40.0)]
    assert len(fingerprint_frames(gap)) == 0, "two moments say nothing"


def test_tables_and_the_index_give_back_what_they_were_given(known, index: Index) -> None:
    found = known["video-1"]
    back = from_table(to_table(found))
    for name in ("steps", "codes", "sureness", "weak"):
        mine, theirs = getattr(found, name), getattr(back, name)
        assert np.array_equal(mine, theirs) and mine.dtype == theirs.dtype
    again = Index.build(index.rows())
    assert again.names == index.names and np.array_equal(again.code, index.code)
    steps, codes = found.guesses()
    assert len(steps) == len(codes) == 16 * len(found)
    assert np.bitwise_count(codes[-len(found) :] ^ found.codes).tolist() == [4] * len(found)
