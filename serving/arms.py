"""Which experiments run, and which arm of each a person is in: what a decision keeps so that both can be told later."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from configs.experiments import CustomerExperiment
from training.experiments.assignment import ARMS, arm_of


class RunningExperiments:
    """Declared experiments on customers, by their days in the trading calendar.

    Args:
        declared: All that are declared.
        time_zone: Of the trading calendar.
        now: The wall clock.
    """

    def __init__(self, declared: Sequence[CustomerExperiment], time_zone: str, now: Callable[[], datetime]) -> None:
        self._declared = tuple(declared)
        self._zone = ZoneInfo(time_zone)
        self._now = now

    def arms(self, subject_id: str | None) -> list[dict[str, str]]:
        """Give the arm in every running experiment; the same that `fairshelf experiment assign` gives.

        Args:
            subject_id: Pseudonym of the person whose profile is used; None where none is, and nobody is in an arm.

        Returns:
            Name and arm of each experiment that the person takes part in, in the order declared.
        """
        if subject_id is None or not self._declared:
            return []
        today = self._now().astimezone(self._zone).date()
        running = [one for one in self._declared if one.start <= today < one.start + timedelta(days=one.days)]
        drawn = ((one.name, arm_of(one.name, subject_id, (one.control_share, one.treatment_share))) for one in running)
        return [{"name": name, "arm": ARMS[arm]} for name, arm in drawn if arm is not None]
