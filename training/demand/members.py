"""The forecaster's members as methods of a backtest: the blend that serves, and each part alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from training.demand.forecast import Forecast
from training.demand.forecaster import Forecaster, Member
from training.demand.panel import Panel
from training.demand.plan import TRACKS, Plan, Track
from training.demand.state import State, state_of

NAMES: Final[dict[Member, str]] = {"blend": "demand", "network": "demand_network", "trees": "demand_trees"}


class StateReader:
    """Reads the state of a panel, and remembers the last one: members and tracks forecast from the same panel."""

    def __init__(self) -> None:
        self._panel: Panel | None = None
        self._state: State | None = None

    def __call__(self, panel: Panel) -> State:
        """Give the state at the end of a panel."""
        if self._state is None or panel is not self._panel:
            self._panel, self._state = panel, state_of(panel)
        return self._state


@dataclass(frozen=True)
class MemberForecaster:
    """One member under a name of its own.

    Attributes:
        forecaster: Fitted on what was known.
        member: The blend, or one of its parts.
        read: Reads the state of a panel.
    """

    forecaster: Forecaster
    member: Member
    read: Callable[[Panel], State] = state_of
    tracks: Sequence[Track] = TRACKS

    @property
    def name(self) -> str:
        """Name in tables of figures."""
        return NAMES[self.member]

    def forecast(self, panel: Panel, plan: Plan, *, track: Track) -> Forecast:
        """Forecast with this member."""
        return self.forecaster.forecast_from(self.read(panel), plan, track=track, member=self.member)


def members(forecaster: Forecaster) -> list[MemberForecaster]:
    """Give the blend and each of its parts."""
    read = StateReader()
    return [MemberForecaster(forecaster, member, read) for member in NAMES]
