"""What the demand models read, at the end of their training and today."""

from datetime import datetime

import numpy as np
import numpy.typing as npt

from configs.refresh import DriftSettings
from training.demand.panel import Panel
from training.demand.sources import DemandSources
from training.drift import Shift, shift_of_figure, shifts_of_tables


def input_shifts(sources: DemandSources, before: datetime, settings: DriftSettings) -> list[Shift]:
    """Compare units, prices and promotions of the last weeks learnt from with those of the last weeks on record.

    Args:
        sources: All weeks.
        before: The champion's cut-off: weeks that begin before it were learnt from.
        settings: Parts, and how many weeks are looked at.
    """
    starts = np.array([sources.cutoff(week) for week in sources.panel.weeks])
    n_learnt = int((starts < before).sum())
    learnt, now = (_weeks(panel, settings.recent_weeks) for panel in (_first(sources.panel, n_learnt), sources.panel))
    shifts = shifts_of_tables("inputs", _columns(learnt), _columns(now), settings)
    sold = [(panel.units > 0).mean() if panel.units.size else float("nan") for panel in (learnt, now)]
    return [*shifts, shift_of_figure("inputs", "share of weeks with a sale", float(sold[0]), float(sold[1]))]


def newest(sources: DemandSources) -> datetime:
    """Give the moment at which the last whole week on record ends."""
    return sources.cutoff(sources.panel.weeks[-1] + np.timedelta64(7, "D"))


def _first(panel: Panel, n_weeks: int) -> Panel:
    return panel if n_weeks >= len(panel.weeks) else panel.until(panel.weeks[n_weeks])


def _weeks(panel: Panel, n: int) -> Panel:
    """Keep the last weeks."""
    return panel.since(panel.weeks[-n]) if 0 < n < len(panel.weeks) else panel


def _columns(panel: Panel) -> dict[str, npt.NDArray[np.float64]]:
    """Lay out product-weeks; prices that were carried forward say nothing new."""
    observed = ~panel.imputed
    return {
        "product week units": panel.units[panel.units > 0],
        "product week shelf price": panel.shelf_price[observed],
        "product week discount": panel.discount_depth[observed],
        "product week display": panel.display.ravel(),
        "product week mailer": panel.mailer.ravel(),
    }
