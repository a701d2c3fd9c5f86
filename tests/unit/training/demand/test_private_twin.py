"""The releases of a demand version on trial: right code passes; halved noise, bare sums, missing bounds do not."""

from dataclasses import replace

import numpy as np
import pytest

from privacy.auditing.errors import CanariesTooFew
from privacy.auditing.record import COUNT_TESTS, Finding
from privacy.events import Gaussian
from privacy.randomness import Randomness, SeededRandomness
from training.demand.panel import Floats, Panel
from training.demand.private_design import Design, design_of, public_panel
from training.demand.private_release import Sales, bounded_sums, release_sums
from training.demand.private_steps import DemandPlan, Family, Step
from training.demand.private_twin import Bounded, PrivateDemand, Release, audit_sums

PLAN = DemandPlan(
    Step(
        "levels",
        Gaussian(noise_multiplier=1.5),
        (Family("products", 5.0, 0.9), Family("weeks", 40.0, 0.06), Family("stores", 30.0, 0.04)),
    ),
    Step("responses", Gaussian(noise_multiplier=1.8), (Family("regimes", 20.0, 1.0),)),
)
N_CANARIES = 800


@pytest.fixture
def version(panel: Panel) -> PrivateDemand:
    """12 products, 40 weeks, 3 stores."""
    design = design_of(public_panel(panel), np.array(["s0", "s1", "s2"]), half_life_weeks=10)
    return PrivateDemand(design, PLAN, delta=1e-5, seed=4)


def tried(
    version: PrivateDemand,
    release: Release = release_sums,
    bounded: Bounded = bounded_sums,
) -> dict[tuple[str, str], Finding]:
    found = audit_sums(
        version,
        n_canaries=N_CANARIES,
        error=1e-3,
        release=release,
        bounded=bounded,
        randomness=SeededRandomness(2),
    )
    return {(one.release, one.test): one for one in found}


def failed(found: dict[tuple[str, str], Finding]) -> set[tuple[str, str]]:
    return {name for name, one in found.items() if not one.passed}


def quiet(sales: Sales, design: Design, step: Step, randomness: Randomness) -> Floats:
    """Add half of the noise that is claimed."""
    whole = bounded_sums(sales, design, step)
    return whole + 0.5 * (release_sums(sales, design, step, randomness) - whole)


def bare_stores(sales: Sales, design: Design, step: Step, randomness: Randomness) -> Floats:
    """Forget the noise on the last three sums alone: of the levels these are the stores'."""
    values = release_sums(sales, design, step, randomness)
    values[-3:] = bounded_sums(sales, design, step)[-3:]
    return values


def unbounded(sales: Sales, design: Design, step: Step) -> Floats:
    """Add up whatever people bring."""
    loose = tuple(replace(family, max_norm=1e9) for family in step.families)
    scales = np.repeat(
        [1e9 / family.max_norm for family in step.families], [design.size(family.name) for family in step.families]
    )
    sums: Floats = bounded_sums(sales, design, replace(step, families=loose)) * scales
    return sums


def unbounded_release(sales: Sales, design: Design, step: Step, randomness: Randomness) -> Floats:
    """The same with noise."""
    sums = unbounded(sales, design, step)
    return sums + step.event.noise_multiplier * randomness.gaussian(len(sums))


def bounded_by_week(sales: Sales, design: Design, step: Step) -> Floats:
    """Clip what each customer bought in a week, not what he bought in all."""
    n_weeks = len(design.weeks)
    return bounded_sums(replace(sales, customers=sales.customers * n_weeks + sales.weeks), design, step)


def test_the_right_releases_pass(version: PrivateDemand) -> None:
    found = tried(version)
    assert list(found) == [(release, test) for release in ("levels", "responses") for test in COUNT_TESTS]
    assert failed(found) == set()
    for release in ("levels", "responses"):
        noise = found[release, "noise"]
        assert 0.75 * noise.limit < noise.value < noise.limit, "the noise is found nearly as it is"
        assert found[release, "gaussian"].value > 0.4 * noise.limit, "canaries are seen as far as the claim allows"
        assert found[release, "sensitivity"].value == pytest.approx(1.0), "and bring as much as anybody may"


def test_halved_noise_fails(version: PrivateDemand) -> None:
    both = {"gaussian", "noise"}
    assert failed(tried(version, quiet)) >= {(name, test) for name in ("levels", "responses") for test in both}


def test_noise_that_misses_one_kind_of_sums_fails(version: PrivateDemand) -> None:
    assert ("levels", "noise") in failed(tried(version, bare_stores))


def test_a_missing_bound_fails(version: PrivateDemand) -> None:
    both = {"gaussian", "sensitivity"}
    found = failed(tried(version, unbounded_release, unbounded))
    assert found >= {(name, test) for name in ("levels", "responses") for test in both}


def test_a_bound_on_every_week_by_itself_fails(version: PrivateDemand) -> None:
    assert failed(tried(version, bounded=bounded_by_week)) == {("levels", "sensitivity"), ("responses", "sensitivity")}


def test_where_nothing_was_asked_of_promotions_nothing_is_found(version: PrivateDemand) -> None:
    found = tried(replace(version, plan=DemandPlan(PLAN.levels, None)))
    assert {release for release, _ in found} == {"levels"}


def test_too_few_canaries_are_refused(version: PrivateDemand) -> None:
    with pytest.raises(CanariesTooFew):
        audit_sums(version, n_canaries=40, error=1e-3, randomness=SeededRandomness(1))
