"""How often each test of the privacy audit rejects the right training and planted faults.

    python tests/benchmarks/bench_privacy_audit.py [REPEATS] [CANARIES]

Each repeat is a whole trial of the engine: coins, training and sampling from the operating system's generator. Prints
one JSON object: for every fault and test the share of repeats that rejected it, with a 95% Clopper-Pearson interval,
and the mean figure found.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from scipy import sparse

from privacy.auditing import faults
from privacy.auditing.count_trial import SumTrial, try_sums
from privacy.auditing.membership import share_interval
from privacy.auditing.power import mu_of_poisson_sums, power
from privacy.auditing.probe import probe
from privacy.auditing.record import N_COUNT_CHANCES, N_ENGINE_CHANCES, N_TRAINING_CHANCES, Finding
from privacy.auditing.trial import Summed, Train, try_guessing, try_sampling, try_sensitivity
from privacy.dp import train_private
from privacy.dp_gradients import clipped_sum
from privacy.dp_plan import DpPlan
from privacy.randomness import Floats, SystemRandomness

PLAN: Final = DpPlan(
    sample_rate=0.1, expected_batch_size=256, steps=100, noise_multiplier=2.24, max_grad_norm=1.0, delta=1e-5
)
COUNTS_NOISE: Final = 1.9
FALSE_ALARM: Final = 0.01
ERROR: Final = FALSE_ALARM / (N_COUNT_CHANCES + N_ENGINE_CHANCES + N_TRAINING_CHANCES)
FAULTS: Final[Mapping[str, tuple[Train, Summed]]] = {
    "none": (train_private, clipped_sum),
    "noise halved": (faults.halved_noise, clipped_sum),
    "clipped purchase by purchase": (faults.per_transaction, faults.per_transaction_sum),
    "batches of one size": (faults.fixed_batches, clipped_sum),
    "in-batch negatives": (faults.in_batch, faults.in_batch_sum),
}


def engine(fault: str, n_canaries: int) -> tuple[Finding, ...]:
    """Put one engine on trial."""
    train, summed = FAULTS[fault]
    trial = probe(PLAN, n_canaries, error=ERROR, train=train)
    found = (*try_guessing(trial, "engine", apart=True), *try_sampling(trial, "engine"))
    return (*found, try_sensitivity(trial, "engine", summed))


def counts(share_of_noise: float, n_canaries: int) -> tuple[Finding, ...]:
    """Put one release of counts on trial; canaries have columns of their own."""
    rows = sparse.csr_array(sparse.eye_array(n_canaries, 2 * n_canaries))

    def release(coins: Any) -> Floats:
        noise = share_of_noise * COUNTS_NOISE * SystemRandomness().gaussian(rows.shape[1])
        return np.asarray(coins.astype(float) @ rows) + noise

    trial = SumTrial(
        rows=rows,
        others=np.zeros(rows.shape[1]),
        release=release,
        moved=lambda: 1.0,
        noise_multiplier=COUNTS_NOISE,
        delta=1e-5,
        error=ERROR,
    )
    return try_sums(trial)


def repeated(tried: Callable[[], tuple[Finding, ...]], n: int) -> dict[str, Any]:
    """Count rejections by test, and by any of them."""
    rejected: dict[str, int] = defaultdict(int)
    values: dict[str, list[float]] = defaultdict(list)
    for _ in range(n):
        findings = tried()
        for one in findings:
            rejected[one.test] += not one.passed
            values[one.test].append(one.value)
        rejected["any"] += any(not one.passed for one in findings)
    return {
        test: {
            "rejected": rejected[test] / n,
            "interval_95": [round(end, 4) for end in share_interval(rejected[test], n, confidence=0.95)],
            **({"mean": float(np.mean(values[test]))} if values[test] else {}),
        }
        for test in [*values, "any"]
    }


def main(n: int, n_canaries: int) -> dict[str, Any]:
    """Try every fault so many times."""
    torch.set_num_threads(1)
    began = time.monotonic()
    table: dict[str, Any] = {fault: repeated(partial(engine, fault, n_canaries), n) for fault in FAULTS}
    table["counts, none"] = repeated(lambda: counts(1.0, n_canaries), n)
    table["counts, noise halved"] = repeated(lambda: counts(0.5, n_canaries), n)
    claimed = mu_of_poisson_sums(PLAN.noise_multiplier, PLAN.sample_rate, PLAN.steps)
    halved = replace(PLAN, noise_multiplier=PLAN.noise_multiplier / 2)
    doubled = mu_of_poisson_sums(halved.noise_multiplier, PLAN.sample_rate, PLAN.steps)
    return {
        "repeats": n,
        "canaries": n_canaries,
        "false_alarm_of_the_whole_audit": FALSE_ALARM,
        "reckoned_power_of_the_gaussian_test_against_mu": power(claimed, doubled, n_canaries, confidence=1 - ERROR),
        "table": table,
        "seconds": round(time.monotonic() - began, 1),
    }


if __name__ == "__main__":
    repeats, canaries = [int(argument) for argument in sys.argv[1:]] or (100, 1_200)
    sys.stdout.write(json.dumps(main(repeats, canaries), indent=1) + "\n")
