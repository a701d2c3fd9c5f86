"""Reports of planted experiments: what is called, guardrails, and what is not read at all."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from configs.experiments import CustomerExperiment, ExperimentSettings, Guardrail, SwitchBackExperiment
from configs.loading import load_settings
from training.experiments.assignment import arms_of, switch_back_arm
from training.experiments.contrasts import Contrast
from training.experiments.errors import ExperimentNotBegun, SampleRatioWrong, TooFewUnits
from training.experiments.outcomes import Lines
from training.experiments.report import report_customers, report_switch_back, verdict

START, FIRST = date(2025, 3, 3), date(2025, 1, 6)
PEOPLE = [f"c1_{number:03d}" for number in range(400)]
DECLARED = CustomerExperiment(name="home-1", start=START, days=21, control_share=0.5, treatment_share=0.5)
STORES = SwitchBackExperiment(name="prices-1", start=START, days=28, block_hours=24.0, washout_hours=2.0)


def settings(**changes: Any) -> ExperimentSettings:
    base = load_settings("test").experiments
    small = {"history_days": 28, "min_units": 50, "guardrails": (Guardrail(measure="baskets", max_loss=0.1),)}
    return base.model_copy(update=small | changes)


def bought(*, lift: float = 0.0, fewer_baskets: float = 0.0, last: date = date(2025, 3, 31)) -> Lines:
    """Everybody may buy once a day; after the start treated customers spend more, or come less often."""
    generator = np.random.default_rng(6)
    n_days = (last - FIRST).days + 1
    treated = arms_of("home-1", PEOPLE, (0.5, 0.5)) == 1
    comes = generator.uniform(0.2, 0.6, len(PEOPLE))
    after = np.arange(n_days) >= (START - FIRST).days
    chance = comes[:, None] * np.where(treated[:, None] & after, 1 - fewer_baskets, 1.0)
    who, day = np.nonzero(generator.random((len(PEOPLE), n_days)) < chance)
    paid = generator.gamma(4, 5, len(who)) * np.where(treated[who] & after[day], 1 + lift, 1.0)
    table = pd.DataFrame(
        {
            "customer_id": np.array(PEOPLE)[who],
            "store_id": [f"s{one % 10}" for one in who],
            "basket_id": np.arange(len(who)).astype(str),
            "product_id": "milk",
            "paid_amount": paid,
            "loyalty_discount": 0.0,
            "at": (pd.Timestamp(FIRST) + pd.to_timedelta(day, unit="D") + pd.Timedelta(hours=12)).tz_localize("UTC"),
        }
    )
    return Lines(table, FIRST, last)


def test_an_effect_is_called_with_its_day_and_size() -> None:
    found = report_customers(DECLARED, bought(lift=0.3), settings())
    assert found.conclusion == "TREATMENT_BETTER"
    assert found.main.called_on is not None
    assert START <= found.main.called_on <= found.through == START + timedelta(days=20)
    assert 0 < found.main.interval[0] < 0.3 * found.main.control < found.main.interval[1]
    assert found.main.relative == pytest.approx(found.main.difference / found.main.control)
    assert sum(found.units) == len(PEOPLE)
    assert found.detectable is not None
    assert 0.02 < found.detectable < 0.3


def test_no_effect_is_undecided_and_a_guardrail_passes_or_waits() -> None:
    found = report_customers(DECLARED, bought(), settings(guardrails=(Guardrail(measure="baskets", max_loss=0.3),)))
    assert found.conclusion == "UNDECIDED"
    assert found.main.called_on is None
    assert found.main.interval[0] < 0 < found.main.interval[1]
    assert found.guardrails[0].verdict == "PASS"
    strict = report_customers(DECLARED, bought(), settings(guardrails=(Guardrail(measure="baskets", max_loss=0.01),)))
    assert strict.guardrails[0].verdict == "INSUFFICIENT"


def test_a_treatment_that_keeps_customers_away_fails_its_guardrail() -> None:
    found = report_customers(DECLARED, bought(lift=0.5, fewer_baskets=0.4), settings())
    assert found.guardrails[0].verdict == "FAIL"
    assert found.guardrails[0].contrast.per == "customer and day"


def test_a_report_in_the_middle_reads_whole_days_only() -> None:
    found = report_customers(DECLARED, bought(last=date(2025, 3, 10)), settings())
    assert (found.n_days, found.through) == (7, date(2025, 3, 9))  # the tenth may not be over


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"start": date(2025, 4, 7)}, ExperimentNotBegun),
        ({"start": FIRST}, ExperimentNotBegun),
        ({"control_share": 0.05}, TooFewUnits),
    ],
)
def test_what_cannot_be_read_is_refused(changed: dict[str, Any], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        report_customers(DECLARED.model_copy(update=changed), bought(), settings())


def test_arms_of_the_wrong_size_are_not_read() -> None:
    lines = bought()
    treated = arms_of("home-1", PEOPLE, (0.5, 0.5)) == 1
    lost = set(np.array(PEOPLE)[treated][:80])
    with pytest.raises(SampleRatioWrong, match="some are lost"):
        report_customers(
            DECLARED, Lines(lines.table[~lines.table["customer_id"].isin(lost)], FIRST, lines.last), settings()
        )


def test_stores_that_switch_are_read_by_pairs() -> None:
    lines = bought()
    day = (lines.table["at"].dt.tz_localize(None) - pd.Timestamp(START)).dt.days
    treated = [
        block >= 0 and switch_back_arm("prices-1", store, block) == 1
        for store, block in zip(lines.table["store_id"], day, strict=True)
    ]
    raised = lines.table.assign(paid_amount=lines.table["paid_amount"] * np.where(treated, 1.5, 1.0))
    found = report_switch_back(STORES, Lines(raised, FIRST, lines.last), settings())
    assert found.conclusion == "TREATMENT_BETTER"
    assert found.main.relative == pytest.approx(0.5, abs=0.15)
    assert found.main.per == "store and 24 hours"
    assert (found.units, found.ratio_p) == ((10, 10), None)
    nothing = report_switch_back(STORES, lines, settings())
    assert nothing.conclusion == "UNDECIDED"
    assert nothing.detectable is not None
    with pytest.raises(ExperimentNotBegun):
        report_switch_back(STORES, Lines(lines.table, FIRST, START + timedelta(days=1)), settings())


@pytest.mark.parametrize(
    ("interval", "expected"), [((-0.5, 3.0), "PASS"), ((-4.0, -1.1), "FAIL"), ((-1.5, 2.0), "INSUFFICIENT")]
)
def test_the_verdict_of_a_guardrail(interval: tuple[float, float], expected: str) -> None:
    contrast = Contrast(
        measure="baskets", per="", control=10, difference=0, relative=0, interval=interval, p_value=1, called_on=None
    )
    assert verdict(contrast, -1.0) == expected
