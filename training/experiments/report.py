"""What an experiment says by a day: the difference, the guardrails, and whether the arms compare at all."""

from datetime import date, timedelta
from typing import Final, Literal

from scipy import stats

from configs.experiments import CustomerExperiment, ExperimentSettings, SwitchBackExperiment
from training.evaluation_results import Result
from training.experiments.assignment import arms_of
from training.experiments.contrasts import Contrast, CustomerReader, StoreReader, days_read
from training.experiments.errors import SampleRatioWrong, TooFewUnits
from training.experiments.outcomes import Lines

CONTROL: Final = 0
TREATMENT: Final = 1

Verdict = Literal["PASS", "FAIL", "INSUFFICIENT"]
Conclusion = Literal["TREATMENT_BETTER", "TREATMENT_WORSE", "UNDECIDED"]


class GuardrailReading(Result):
    """Whether a treatment costs more of something than it may.

    Attributes:
        contrast: What is known of it.
        max_loss: As a share of the control.
        verdict: `PASS` where a larger loss is excluded, `FAIL` where the loss is larger for sure, else `INSUFFICIENT`.
    """

    contrast: Contrast
    max_loss: float
    verdict: Verdict


class ExperimentReport(Result):
    """One experiment as of its newest day.

    Attributes:
        name: Of the experiment.
        design: `customers` or `switch_back`.
        through: Last trading day read.
        n_days: Days read of those planned.
        planned_days: Length declared.
        units: Customers or stores by arm; stores are in both.
        ratio_p: How probable the sizes of the arms are under their shares; None where there are no shares.
        main: The measure that decides.
        guardrails: What must not be lost.
        conclusion: Of the deciding measure.
        detectable: Effect on the deciding measure, as a share of the control, that is found by the planned end in half
            of all cases; None where the control is 0.
    """

    name: str
    design: Literal["customers", "switch_back"]
    through: date
    n_days: int
    planned_days: int
    units: tuple[int, int]
    ratio_p: float | None
    main: Contrast
    guardrails: tuple[GuardrailReading, ...]
    conclusion: Conclusion
    detectable: float | None


def report_customers(declared: CustomerExperiment, lines: Lines, settings: ExperimentSettings) -> ExperimentReport:
    """Read an experiment on customers.

    Everybody who bought before the start takes part in the arm that the hash gives, whether or not he came back.

    Args:
        declared: The experiment.
        lines: Of the people who allow it.
        settings: Measures and limits.

    Raises:
        ExperimentNotBegun: If no day of it is in the data.
        TooFewUnits: If an arm is too small.
        SampleRatioWrong: If the arms are not as large as declared.
    """
    n_days = days_read(declared.name, declared.start, declared.days, lines)
    customer_ids = lines.before(declared.start).customer_ids
    shares = (declared.control_share, declared.treatment_share)
    arms = arms_of(declared.name, customer_ids, shares)
    units = (int((arms == CONTROL).sum()), int((arms == TREATMENT).sum()))
    for name, n_units in zip(("control", "treatment"), units, strict=True):
        if n_units < settings.min_units:
            raise TooFewUnits(arm=name, n_units=n_units, limit=settings.min_units)
    ratio_p = _ratio_p(units, shares)
    if ratio_p < settings.min_ratio_p:
        raise SampleRatioWrong(name=declared.name, counts=units, shares=shares, p_value=ratio_p)
    taking_part = [one for one, arm in zip(customer_ids, arms, strict=True) if arm >= 0]
    reader = CustomerReader(declared, lines, settings, taking_part, arms[arms >= 0] == TREATMENT, n_days)
    main = reader.contrast(settings.measure, settings.false_alarm)
    return ExperimentReport(
        name=declared.name,
        design="customers",
        through=declared.start + timedelta(days=n_days - 1),
        n_days=n_days,
        planned_days=declared.days,
        units=units,
        ratio_p=ratio_p,
        main=main,
        guardrails=_guarded(reader, settings),
        conclusion=_conclusion(main),
        detectable=reader.detectable(settings.measure, main.control),
    )


def report_switch_back(declared: SwitchBackExperiment, lines: Lines, settings: ExperimentSettings) -> ExperimentReport:
    """Read an experiment on stores; complete pairs of blocks alone are read.

    Args:
        declared: The experiment.
        lines: Of the people who allow it.
        settings: Measures and limits.

    Raises:
        ExperimentNotBegun: If no complete pair of its blocks is in the data.
    """
    n_days = days_read(declared.name, declared.start, declared.days, lines)
    reader = StoreReader(declared, lines, settings, n_days)
    main = reader.contrast(settings.measure, settings.false_alarm)
    n_stores = len(reader.store_ids)
    return ExperimentReport(
        name=declared.name,
        design="switch_back",
        through=declared.start + timedelta(days=n_days - 1),
        n_days=n_days,
        planned_days=declared.days,
        units=(n_stores, n_stores),
        ratio_p=None,
        main=main,
        guardrails=_guarded(reader, settings),
        conclusion=_conclusion(main),
        detectable=reader.detectable(settings.measure, main.control),
    )


def _guarded(reader: CustomerReader | StoreReader, settings: ExperimentSettings) -> tuple[GuardrailReading, ...]:
    """Read every guardrail; together they raise a false alarm as rarely as one measure may."""
    readings = []
    for guardrail in settings.guardrails:
        contrast = reader.contrast(guardrail.measure, settings.false_alarm / len(settings.guardrails))
        allowed = -guardrail.max_loss * contrast.control
        readings.append(
            GuardrailReading(contrast=contrast, max_loss=guardrail.max_loss, verdict=verdict(contrast, allowed))
        )
    return tuple(readings)


def verdict(contrast: Contrast, allowed: float) -> Verdict:
    """Judge a guardrail: `allowed` is the lowest difference it lets through, at most 0."""
    low, high = contrast.interval
    if low >= allowed:
        return "PASS"
    return "FAIL" if high < allowed else "INSUFFICIENT"


def _conclusion(main: Contrast) -> Conclusion:
    if main.called_on is None:
        return "UNDECIDED"
    return "TREATMENT_BETTER" if main.difference > 0 else "TREATMENT_WORSE"


def _ratio_p(units: tuple[int, int], shares: tuple[float, float]) -> float:
    return float(stats.binomtest(units[TREATMENT], sum(units), shares[TREATMENT] / sum(shares)).pvalue)
