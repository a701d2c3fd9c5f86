"""Randomness that nobody can foretell: for noise, for sampling and for choosing what is counted."""

import secrets
from abc import ABC, abstractmethod
from typing import Final

import numpy as np
import numpy.typing as npt

_MANTISSA_BITS: Final = 53  # of a float64: uniform numbers are multiples of 2**-53
_N_SUMMED: Final = 4  # Gaussians added up to make one; see `Randomness.gaussian`

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


class Randomness(ABC):
    """A stream of random bits and what is made of it.

    Attributes:
        secure: Whether nobody can foretell the bits, the holder of every file of this system included.
    """

    secure: bool

    @abstractmethod
    def words(self, n: int) -> Words:
        """Draw (n,) independent uniform 64-bit words."""

    def uniform(self, n: int) -> Floats:
        """Draw (n,) independent numbers from [0, 1), multiples of 2**-53."""
        return (self.words(n) >> np.uint64(64 - _MANTISSA_BITS)).astype(np.float64) * 2.0**-_MANTISSA_BITS

    def gaussian(self, n: int) -> Floats:
        """Draw (n,) independent standard normal numbers.

        Each is half the sum of four, so that the gaps between the floating point numbers that one draw can give do
        not betray what the noise was added to. This is no proof for floating point arithmetic, as a discrete Gaussian
        would be, but raises the cost of that attack to some 2**159 tries.

        Source: Box and Muller (1958); Holohan and Braghin (2021), section 5.1.
        """
        n_pairs = (_N_SUMMED * n + 1) // 2
        radius = np.sqrt(-2 * np.log(1 - self.uniform(n_pairs)))  # 1 - [0, 1) is never 0
        angle = 2 * np.pi * self.uniform(n_pairs)
        draws = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[: _N_SUMMED * n]
        halves: Floats = draws.reshape(_N_SUMMED, n).sum(axis=0) / np.sqrt(_N_SUMMED)
        return halves

    def poisson_sample(self, n: int, rate: float) -> Ints:
        """Take each of n positions with the same probability, whatever happens to the others; may take none.

        Returns:
            (k,) positions taken, ascending; k is binomial.
        """
        return np.flatnonzero(self.uniform(n) < rate).astype(np.int64)


class SystemRandomness(Randomness):
    """The operating system's cryptographic generator; nothing is stored, nothing can be drawn again."""

    secure = True

    def words(self, n: int) -> Words:
        """Draw (n,) independent uniform 64-bit words."""
        return np.frombuffer(secrets.token_bytes(8 * n), dtype=np.uint64)


class SeededRandomness(Randomness):
    """A stream that a seed repeats: for tests and for twins that are never released. It protects nobody."""

    secure = False

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def words(self, n: int) -> Words:
        """Draw (n,) independent uniform 64-bit words."""
        return self._generator.integers(0, 2**64, size=n, dtype=np.uint64)
