"""FID in 2000 dimensions: the low-rank form against the one with a matrix square root.

    OMP_NUM_THREADS=1 python benchmarks/fid_2000.py [--sqrtm]

Processor time and value for 1024 against 4000 series, as in the search for tau; `--sqrtm` adds the textbook form
(about a minute).
"""

import sys
import time

import numpy as np
from scipy import linalg

from nm_vqtsg.metrics.fid import Gaussian, frechet_distance


def features(n: int, seed: int, d: int = 2000) -> np.ndarray:
    """Rows of length one with a decaying spectrum, as ROCKET features have."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)) / np.arange(1, d + 1) ** 0.7 + 1
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def textbook(a: np.ndarray, b: np.ndarray) -> float:
    """With scipy's square root of a matrix, real part."""
    first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = np.real(np.trace(linalg.sqrtm(first @ second)))
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * root)


def main() -> None:
    """Time both sides and the comparison, then a second comparison that reuses one side."""
    a, b = features(1024, 0), features(4000, 1)
    begin = time.process_time()
    fixed = Gaussian(a)
    value = frechet_distance(fixed, Gaussian(b))
    print(f"low rank: {value:.8g} in {time.process_time() - begin:.2f} s")
    begin = time.process_time()
    frechet_distance(fixed, Gaussian(features(4000, 2)))
    print(f"another set against the same one: {time.process_time() - begin:.2f} s (with drawing it)")
    if "--sqrtm" in sys.argv:
        begin = time.process_time()
        value = textbook(a, b)
        print(f"sqrtm:    {value:.8g} in {time.process_time() - begin:.2f} s")


if __name__ == "__main__":
    main()
