"""Moving pictures that differ from seed to seed, for what compares videos."""

import numpy as np


def scene(seed: int, times_s: np.ndarray) -> np.ndarray:
    """Return (n, 24, 32) in [0, 1]: lights that wander and change, on a moving background; a game, from far away."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:24, 0:32] / 24
    pictures = np.zeros((len(times_s), 24, 32))
    for _ in range(8):
        speed, phase, period = rng.uniform(0.02, 0.3, 2), rng.uniform(0, 9, 2), rng.uniform(0.7, 6)
        cx, cy = (0.66 + 0.6 * np.sin(s * times_s + p) for s, p in zip(speed * 6, phase, strict=True))
        light = 0.3 * (1 + np.sin(2 * np.pi * times_s / period + phase[0]))
        near = (x - cx[:, None, None]) ** 2 + (y - cy[:, None, None]) ** 2
        pictures += light[:, None, None] * np.exp(-near / 0.05)
    return np.clip(pictures, 0, 1)
