"""One release of noisy sums on planted customers, and every test that can be made of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from scipy import sparse

from privacy.accounting import epsilon
from privacy.auditing.coins import flip
from privacy.auditing.gaussian import epsilon_of, noise_upper_bound, separation
from privacy.auditing.one_run import Coins, epsilon_lower_bound
from privacy.auditing.record import Finding, Test
from privacy.auditing.record import Release as Released
from privacy.events import NOISE, Gaussian
from privacy.randomness import Floats, Ints, Randomness
from privacy.releases import ReleasedSums, bounded_sums, release_sums

N_GREEDY: Final = 16  # canaries that try to add more than they may
GREED: Final = 4.0  # times what they may
ROUNDING: Final = 1e-5


class Release(Protocol):
    """What is on trial: `release_sums`, or something that claims to be as good."""

    def __call__(
        self,
        owners: Ints,
        columns: Ints,
        values: Floats,
        *,
        n_columns: int,
        max_norm: float,
        noise_multiplier: float,
        randomness: Randomness | None,
    ) -> ReleasedSums:
        """Add up what customers fill columns with, with noise."""


class Bounded(Protocol):
    """What customers add before the noise: `bounded_sums`, or something that claims to be as bounded."""

    def __call__(self, owners: Ints, columns: Ints, values: Floats, *, n_columns: int, max_norm: float) -> Floats:
        """Clip each customer's vector and add them up."""


@dataclass(frozen=True, eq=False)
class Entries:
    """What customers fill columns with.

    Attributes:
        owners: (T,) whose entry each is, 0 to `n_owners` - 1.
        columns: (T,) where.
        values: (T,) what.
        n_owners: How many customers, those without an entry included.
    """

    owners: Ints
    columns: Ints
    values: Floats
    n_owners: int

    def of(self, inside: Coins) -> "Entries":
        """Take some of the customers, under their old numbers."""
        kept = inside[self.owners]
        return Entries(self.owners[kept], self.columns[kept], self.values[kept], self.n_owners)


@dataclass(frozen=True, eq=False)
class SumTrial:
    """One noisy vector of sums, whoever made it.

    Attributes:
        rows: (m, n) what each canary adds by the definition of the release, in units of the most that one may add.
        others: (n,) what all others add, likewise.
        release: Gives (n,) noisy sums of the canaries that are in, and the others, likewise.
        moved: Gives the longest that one customer was seen to move the sums before the noise, likewise.
        noise_multiplier: As claimed.
        delta: Of the claim.
        error: Chance that one test fails the right code.
        name: What the findings are called.
        kinds: (n,) of which kind each sum is, from 0; noise must be on every kind. None are all of one.
        randomness: Of the coins; None is the operating system's. Anything else is for tests.
    """

    rows: sparse.csr_array
    others: Floats
    release: Callable[[Coins], Floats]
    moved: Callable[[], float]
    noise_multiplier: float
    delta: float
    error: float
    name: Released = "counts"
    kinds: Ints | None = None
    randomness: Randomness | None = None


@dataclass(frozen=True, eq=False)
class CountTrial:
    """A release of counts by `release_sums`, or by something that claims to be as good.

    Attributes:
        canaries: Planted customers, each in or out by a coin; best each with columns of his own, and full ones.
        others: Made-up customers who are always in.
        n_columns: Public.
        max_norm: Longest that a customer's vector may be.
        noise_multiplier: As claimed.
        delta: Of the claim.
        error: Chance that one test fails the right code.
        release: What is on trial.
        bounded: Its sums before the noise.
        randomness: None is the operating system's. Anything else is for tests.
    """

    canaries: Entries
    others: Entries
    n_columns: int
    max_norm: float
    noise_multiplier: float
    delta: float
    error: float
    release: Release = release_sums
    bounded: Bounded = bounded_sums
    randomness: Randomness | None = None


def try_counts(trial: CountTrial) -> tuple[Finding, ...]:
    """Release the counts of the canaries whose coin says so, and hold them against the claim.

    Raises:
        CanariesTooFew: If too few canaries are in or out.
    """
    rows, others = (
        clipped_rows(entries, n_columns=trial.n_columns, max_norm=trial.max_norm)  # (m, n_columns)
        for entries in (trial.canaries, trial.others)
    )
    return try_sums(
        SumTrial(
            rows=rows,
            others=np.asarray(others.sum(axis=0)),
            release=lambda coins: _released(trial, coins).values / trial.max_norm,
            moved=lambda: _moved(trial),
            noise_multiplier=trial.noise_multiplier,
            delta=trial.delta,
            error=trial.error,
            randomness=trial.randomness,
        )
    )


def try_sums(trial: SumTrial) -> tuple[Finding, ...]:
    """Release sums of the canaries whose coin says so, and hold them against the claim.

    Raises:
        CanariesTooFew: If too few canaries are in or out.
    """
    coins, confidence = flip(trial.rows.shape[0], trial.randomness), 1 - trial.error
    centred = trial.release(coins) - trial.others - 0.5 * np.asarray(trial.rows.sum(axis=0))
    scores: Floats = trial.rows @ centred
    claim = epsilon((Gaussian(noise_multiplier=trial.noise_multiplier),), trial.delta)
    seen = epsilon_lower_bound(scores, coins, delta=trial.delta, confidence=confidence)
    apart = separation(scores, coins, confidence=confidence)
    noise = _least_noise(centred, trial.kinds, trial.error)
    measured = Gaussian(noise_multiplier=min(max(noise, NOISE[0]), NOISE[1]))
    guessed = f"{seen.n_correct} of {seen.n_guesses} guesses right"
    far = f"canaries that were in lie {apart.mu:.3f} standard deviations from the others, at least {apart.low:.3f}"
    loud = f"noise of at most {noise:.4f} was added, and {trial.noise_multiplier:.4f} is claimed"
    bounds: dict[Test, tuple[float, str]] = {
        "one-run, all sums seen": (seen.epsilon, guessed),
        "gaussian": (epsilon_of(apart.low, trial.delta), far),
        "noise": (epsilon((measured,), trial.delta), loud),
    }
    findings = [
        Finding(release=trial.name, test=test, value=value, limit=claim, passes="at_most", unit="epsilon", said=said)
        for test, (value, said) in bounds.items()
    ]
    return (*findings, _sensitivity(trial))


def _sensitivity(trial: SumTrial) -> Finding:
    return Finding(
        release=trial.name,
        test="sensitivity",
        value=trial.moved(),
        limit=1 + ROUNDING,
        passes="at_most",
        unit="norms of one customer",
        said=f"the most that a customer moved the sums who brought {GREED:g} times as much as a canary",
    )


def clipped_rows(entries: Entries, *, n_columns: int, max_norm: float) -> sparse.csr_array:
    """Clip each customer's vector by itself, without the release's own code, in units of the longest allowed.

    Returns:
        (m, n_columns).
    """
    shape = (entries.n_owners, n_columns)
    rows = sparse.csr_array(sparse.coo_array((entries.values, (entries.owners, entries.columns)), shape=shape))
    norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sparse.csr_array(sparse.diags_array(1 / np.maximum(norms, max_norm)) @ rows)


def _released(trial: CountTrial, coins: Coins) -> ReleasedSums:
    inside, others = trial.canaries.of(coins), trial.others
    return trial.release(
        np.concatenate([others.owners, inside.owners + others.n_owners]),
        np.concatenate([others.columns, inside.columns]),
        np.concatenate([others.values, inside.values]),
        n_columns=trial.n_columns,
        max_norm=trial.max_norm,
        noise_multiplier=trial.noise_multiplier,
        randomness=trial.randomness,
    )


def _moved(trial: CountTrial) -> float:
    """Let canaries bring several times what they may, and see how far each moves the sums."""
    marks = np.zeros(trial.canaries.n_owners, dtype=bool)
    moved = 0.0
    for one in range(min(N_GREEDY, trial.canaries.n_owners)):
        marks[:] = False
        marks[one] = True
        alone = trial.canaries.of(marks)
        sums = trial.bounded(
            alone.owners, alone.columns, GREED * alone.values, n_columns=trial.n_columns, max_norm=trial.max_norm
        )
        moved = max(moved, float(np.linalg.norm(sums)) / trial.max_norm)
    return moved


def _least_noise(centred: Floats, kinds: Ints | None, error: float) -> float:
    """Bound the noise on every kind of sums, and take the kind with the least."""
    sums = np.zeros(len(centred), dtype=np.int64) if kinds is None else kinds
    sizes, energy = np.bincount(sums), np.bincount(sums, centred**2)
    sure = 1 - error / len(sizes)
    return min(noise_upper_bound(float(e), int(n), confidence=sure) for e, n in zip(energy, sizes, strict=True))
