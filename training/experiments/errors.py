"""Why an experiment cannot be assigned, read or rehearsed."""

from collections.abc import Sequence
from datetime import date

from training.errors import TrainingError


class ExperimentUnknown(TrainingError):
    """No experiment of a name is declared."""

    def __init__(self, *, name: str, known: Sequence[str]) -> None:
        declared = f"Declared are: {', '.join(known)}" if known else "None is declared"
        super().__init__(
            f"no experiment {name!r}. {declared}; add it to experiments.declared before it begins, or choose another."
        )


class ExperimentNotBegun(TrainingError):
    """There is no day of an experiment in the data."""

    def __init__(self, *, name: str, start: date, data_end: date) -> None:
        super().__init__(
            f"experiment {name!r} starts on {start} and the data ends on {data_end}. Ingest its days first, or correct "
            "its start."
        )


class NobodyToReadOf(TrainingError):
    """No purchase in the lake is of somebody who allows what is learnt from it."""

    def __init__(self, *, n_lines: int, n_allowing: int) -> None:
        super().__init__(
            f"of {n_lines} purchase lines none is merchandise bought by one of the {n_allowing} customers who agreed. "
            "Ingest their consents (purposes personalization and model_training) and their purchases first."
        )


class TooFewUnits(TrainingError):
    """An arm is too small for any conclusion."""

    def __init__(self, *, arm: str, n_units: int, limit: int) -> None:
        super().__init__(
            f"arm {arm!r} has {n_units} customers, {limit} are needed before anything is said. Wait, raise its share, "
            "or lower experiments.min_units."
        )


class SampleRatioWrong(TrainingError):
    """The arms are not as large as they were declared to be."""

    def __init__(self, *, name: str, counts: Sequence[int], shares: Sequence[float], p_value: float) -> None:
        super().__init__(
            f"the arms of experiment {name!r} hold {list(counts)} customers where shares {list(shares)} were declared "
            f"(p = {p_value:.2g}): some are lost or counted twice, so the arms do not compare. Find out where before "
            "reading anything."
        )


class PeriodTooShort(TrainingError):
    """The data holds fewer days than a rehearsal needs."""

    def __init__(self, *, n_days: int, needed: int) -> None:
        super().__init__(
            f"the data holds {n_days} days and a rehearsal needs {needed}: days before and days of the experiment. "
            "Lower experiments.history_days or experiments.rehearsal.days, or ingest more."
        )
