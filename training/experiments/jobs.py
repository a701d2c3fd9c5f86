"""The jobs behind `fairshelf experiment`: who is in which arm, what is known by now, and rehearsals."""

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from configs.experiments import CustomerExperiment, ExperimentSettings, SwitchBackExperiment
from configs.settings import Settings
from features.columns import CUSTOMER_ID, STORE_ID
from features.lake import Lake
from features.preparation import read_consents
from training.experiments.assignment import ARMS, arm_of, arms_of, block_of, switch_back_arm
from training.experiments.errors import ExperimentUnknown
from training.experiments.outcomes import customer_days, read_lines, store_blocks
from training.experiments.rehearsal import Rehearsal, rehearse
from training.experiments.report import ExperimentReport, report_customers, report_switch_back

NO_ARM = "not taking part"


def declared(name: str, settings: ExperimentSettings) -> CustomerExperiment | SwitchBackExperiment:
    """Find an experiment by name.

    Raises:
        ExperimentUnknown: If none is declared under it.
    """
    known: dict[str, CustomerExperiment | SwitchBackExperiment] = {one.name: one for one in settings.customers}
    known |= {one.name: one for one in settings.switch_backs}
    if name not in known:
        raise ExperimentUnknown(name=name, known=sorted(known))
    return known[name]


def report_experiment(settings: Settings, name: str) -> ExperimentReport:
    """Read an experiment to the newest whole day of the lake.

    Raises:
        ExperimentUnknown, ExperimentNotBegun, TooFewUnits, SampleRatioWrong: If nothing can be said.
        LakeMissing, LakeDamaged, LakeVersionMismatch: If there is no usable lake.
    """
    found = declared(name, settings.experiments)
    consents = read_consents(settings.storage, datetime.now(UTC))
    lines = read_lines(Lake.open(settings.storage.lake), consents.trainable & consents.personal)  # others get no arm
    if isinstance(found, CustomerExperiment):
        return report_customers(found, lines, settings.experiments)
    return report_switch_back(found, lines, settings.experiments)


def rehearse_experiments(settings: Settings) -> Rehearsal:
    """Rehearse on the lake's own customers and days.

    Raises:
        PeriodTooShort: If the lake holds too few days.
        LakeMissing, LakeDamaged, LakeVersionMismatch: If there is no usable lake.
    """
    consents = read_consents(settings.storage, datetime.now(UTC))
    lines = read_lines(Lake.open(settings.storage.lake), consents.trainable)
    n_days = (lines.last - lines.first).days + 1
    customer_ids = lines.customer_ids
    measure = settings.experiments.measure
    daily = customer_days(lines, measure, customer_ids, lines.first, n_days)
    store_ids, first = sorted(lines.table[STORE_ID].unique().tolist()), pd.Timestamp(lines.first)
    by_store = store_blocks(lines, measure, store_ids, first, n_days, block_hours=24.0, washout_hours=0.0)
    return rehearse(daily, by_store, settings.experiments)


def arm_of_customer(name: str, pseudonym: str, settings: ExperimentSettings) -> str:
    """Tell a customer's arm.

    Raises:
        ExperimentUnknown: If no experiment on customers is declared under the name.
    """
    shares = {one.name: (one.control_share, one.treatment_share) for one in settings.customers}
    if name not in shares:
        raise ExperimentUnknown(name=name, known=sorted(shares))
    arm = arm_of(name, pseudonym, shares[name])
    return NO_ARM if arm is None else ARMS[arm]


def arm_of_store(name: str, store_id: str, at: datetime | None, settings: Settings) -> dict[str, Any]:
    """Tell a store's arm at a time of the trading calendar, and whether the hours after a switch are over.

    Raises:
        ExperimentUnknown: If no switch-back is declared under the name.
    """
    known = {one.name: one for one in settings.experiments.switch_backs}
    if name not in known:
        raise ExperimentUnknown(name=name, known=sorted(known))
    found, zone = known[name], ZoneInfo(settings.ingest.trading_time_zone)
    moment = datetime.now(zone).replace(tzinfo=None) if at is None else at.replace(tzinfo=None)
    start = datetime.combine(found.start, time())
    block = block_of(moment, start, found.block_hours)
    hours = (moment - start).total_seconds() / 3600
    runs = 0 <= hours < found.days * 24
    return {
        "arm": ARMS[switch_back_arm(name, store_id, block)] if runs else NO_ARM,
        "block": block,
        "counts": runs and hours - block * found.block_hours >= found.washout_hours,
    }


def write_arms(settings: Settings, found: CustomerExperiment, path: Path | None) -> dict[str, int]:
    """Assign everybody in the lake who allows personalisation, and count the arms.

    Args:
        settings: All sections.
        found: The experiment.
        path: CSV or Parquet file for `customer_id` (pseudonym) and `arm`; None writes nothing.
    """
    consents = read_consents(settings.storage, datetime.now(UTC))
    customer_ids = sorted(consents.personal)
    arms = arms_of(found.name, customer_ids, (found.control_share, found.treatment_share))
    names = [NO_ARM if arm < 0 else ARMS[arm] for arm in arms]
    if path is not None:
        rows = pd.DataFrame({CUSTOMER_ID: customer_ids, "arm": names})
        rows = rows[rows["arm"] != NO_ARM]
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            rows.to_parquet(path, index=False)
        else:
            rows.to_csv(path, index=False)
    return {name: names.count(name) for name in (*ARMS, NO_ARM)}
