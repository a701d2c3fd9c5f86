"""The statement of a private demand version says what was really done, and names what stays open."""

from datetime import UTC, datetime, timedelta

from privacy.accounting import epsilon
from privacy.events import Gaussian
from privacy.ledger import Spent
from privacy.ledger_book import Window
from privacy.statement import Statement
from training.demand.private_statement import demand_statement
from training.demand.private_steps import DemandPlan, Family, Step

LEVELS = Step("levels", Gaussian(noise_multiplier=4.0), (Family("weeks", 1.0, 1.0),))
RESPONSES = Step("responses", Gaussian(noise_multiplier=9.0), (Family("regimes", 1.0, 1.0),))
START = datetime(2025, 1, 1, tzinfo=UTC)


def stated(plan: DemandPlan) -> Statement:
    total = epsilon(plan.events, 1e-5)
    window = Window(START, START + timedelta(days=90))
    spent = Spent("shop", "customer", window, total, 1e-5, 8.0, 8 - total, total, total, plan.events)
    return demand_statement(plan, 1e-5, spent)


def test_every_release_is_charged_and_told() -> None:
    made = stated(DemandPlan(LEVELS, RESPONSES))
    assert (made.mechanism, made.steps) == ("dp-counts", None)
    assert [charge.what for charge in made.charges] == ["levels", "responses"]
    assert made.epsilon == epsilon((LEVELS.event, RESPONSES.event), 1e-5)
    assert made.covered[0].startswith("Why sums")


def test_means_are_said_to_be_means() -> None:
    assert stated(DemandPlan(LEVELS, None)).covered[0].startswith("Nothing was fitted")


def test_prices_of_receipts_and_books_of_staff_are_named_as_open() -> None:
    open_ends = " ".join(stated(DemandPlan(LEVELS, RESPONSES)).not_covered)
    for named in ("Where receipts stand in", "sales figures that staff see elsewhere", "chosen once"):
        assert named in open_ends


def test_no_assumption_is_about_training() -> None:
    made = stated(DemandPlan(LEVELS, RESPONSES))
    assert not any("gradient" in one.met_by or "popularity" in one.met_by for one in made.assumptions)
    assert len({one.assumes for one in made.assumptions}) == len(made.assumptions) >= 5
