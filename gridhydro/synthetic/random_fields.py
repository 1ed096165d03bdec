"""Random fields and series from which the generated worlds are made."""

from __future__ import annotations

import numpy as np
from scipy.signal import lfilter


def smooth_map(shape: tuple[int, int], rng, power: float = 2.0) -> np.ndarray:
    """A random field (rows, cols) of unit variance, its amplitudes wave number to -power."""
    # twice as large as needed, and cut: a Fourier field repeats at its edges
    double = tuple(2 * size for size in shape)
    wave = np.hypot(np.fft.fftfreq(double[0])[:, None] * 80, np.fft.fftfreq(double[1]) * 80)
    amplitude = np.where(wave > 0, np.maximum(wave, 1.5), np.inf) ** -power
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal(double)) * amplitude).real
    return standard(field[: shape[0], : shape[1]])


def smooth_days(knots: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Smooth fields (days, rows, cols) of unit variance from those of white knots.

    `knots` (days, a, b), float32, spread evenly over the raster: what it shows reaches over about
    1/a of its rows and 1/b of its columns.
    """
    for size in shape:
        kernel = reach(size, knots.shape[1])
        # contracts one axis of knots and puts the axis of cells last
        knots = np.moveaxis(knots, 1, 2) @ kernel.T.astype(np.float32)
    return knots


def reach(size: int, count: int) -> np.ndarray:
    """(size, count): what each of `count` knots spread over a row is to each of its cells.

    Sums of white knots by it have unit variance.
    """
    distance = np.linspace(-1, count, size)[:, None] - np.arange(count)
    kernel = np.exp(-(distance**2) / 2)
    return kernel / np.sqrt((kernel**2).sum(1, keepdims=True))


def persistent(noise: np.ndarray, memory: float) -> np.ndarray:
    """White noise (days, ...) made such that days correlate by `memory`; its variance stays."""
    rest = np.sqrt(1 - memory**2)
    later, _ = lfilter([rest], [1, -memory], noise[1:], axis=0, zi=memory * noise[:1])
    return np.concatenate([noise[:1], later]).astype(noise.dtype)


def standard(values) -> np.ndarray:
    """Minus the mean, over the standard deviation."""
    return (values - values.mean()) / values.std()


def logistic(values) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-values))
