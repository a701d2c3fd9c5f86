"""What the tree peer of the demand benchmark sees: lags, means, promotions and prices of products by week."""

from typing import Final

import numpy as np

from training.demand.panel import Floats, Panel
from training.demand.plan import Plan, Track

_MEANS: Final = (4, 8, 13, 26)
_LAGS: Final = 4
_LEAST_LEVEL: Final = 0.1  # units per week below which ratios to the level say nothing
LEVEL: Final = 0  # column of the recent level, where the trees begin
_LEAST_HISTORY: Final = 13  # weeks before the first origin learnt from
_PROMOTED: Final = 0.05  # discount depth, display or mailer share above which a week counts as promoted


def peer_features(panel: Panel, plan: Plan, track: Track) -> Floats:
    """Describe every product and planned week: (P * H, F), products in order, then weeks."""
    joined = _Joined(panel, plan)
    return joined.features(panel.units.shape[1], len(plan.weeks), track)


def peer_rows(known: Panel, horizon_weeks: int, track: Track, *, n_origins: int) -> tuple[Floats, Floats, np.ndarray]:
    """Collect what can be learnt from: features of past origins and what then sold.

    Args:
        known: Weeks to learn from.
        horizon_weeks: Weeks forecast from each origin.
        track: What is known of the weeks after an origin.
        n_origins: How many origins at most, the newest.

    Returns:
        (R, F) features, (R,) units, (R,) position of the product.
    """
    joined = _Joined(known, None)
    n_weeks = known.units.shape[1]
    origins = range(max(_LEAST_HISTORY, n_weeks - horizon_weeks - n_origins + 1), n_weeks - horizon_weeks + 1)
    features = [joined.features(origin, horizon_weeks, track) for origin in origins]
    units = [known.units[:, origin : origin + horizon_weeks].ravel() for origin in origins]
    product = np.tile(np.repeat(np.arange(len(known)), horizon_weeks), len(origins))
    return np.concatenate(features), np.concatenate(units), product


class _Joined:
    """Past and planned weeks in one row per product."""

    def __init__(self, panel: Panel, plan: Plan | None) -> None:
        self._units = panel.units
        self._category = np.unique(panel.attributes["category"].astype(str), return_inverse=True)[1]
        self._shelf, self._paid = panel.shelf_price, panel.paid_price
        self._display, self._mailer = panel.display, panel.mailer
        if plan is not None:
            shelf = np.where(np.isfinite(plan.shelf_price), plan.shelf_price, panel.shelf_price[:, -1:])
            paid = np.where(np.isfinite(plan.paid_price), plan.paid_price, shelf)
            self._shelf, self._paid = np.hstack([self._shelf, shelf]), np.hstack([self._paid, paid])
            self._display = np.hstack([self._display, plan.display])
            self._mailer = np.hstack([self._mailer, plan.mailer])
        self._depth = np.nan_to_num(1 - self._paid / self._shelf)

    def features(self, origin: int, horizon_weeks: int, track: Track) -> Floats:
        """Describe each product at an origin, and each week ahead: (P * H, F)."""
        still = self._still(origin)
        parts = []
        for step in range(horizon_weeks):
            ahead = self._ahead(origin, origin + step, track)
            parts.append(np.hstack([still, ahead, np.full((len(still), 1), step + 1.0)]))
        return np.stack(parts, axis=1).reshape(len(still) * horizon_weeks, -1)

    def _still(self, origin: int) -> Floats:
        """Describe what is known at the origin, whatever is known of the weeks ahead: (P, F)."""
        past = self._units[:, :origin]
        lags = [past[:, -lag] for lag in range(1, _LAGS + 1)]
        means = [past[:, -window:].mean(axis=1) for window in _MEANS]
        spread = [past[:, -13:].std(axis=1), (past[:, -13:] == 0).mean(axis=1), past[:, -26:].max(axis=1)]
        since = np.argmax(np.hstack([past[:, ::-1] > 0, np.ones((len(past), 1), dtype=bool)]), axis=1)
        level = (means[1] + means[-1]) / 2 + _LEAST_LEVEL
        ratios = [column / level for column in (*lags, *means, *self._levels(origin))]
        return np.column_stack([level, *ratios, *lags, *means, *spread, since, *self._promotions(origin)])

    def _levels(self, origin: int) -> list[Floats]:
        """Average plain and promoted weeks of the past apart, NaN where there is none."""
        units, depth, promotion = self._past(origin)
        promoted = (promotion > _PROMOTED) | (depth > _PROMOTED)
        windows = [(units[:, -weeks:], promoted[:, -weeks:]) for weeks in (8, 26)]
        return [_mean_where(part, ~lifted) for part, lifted in windows] + [_mean_where(units, promoted)]

    def _past(self, origin: int) -> tuple[Floats, Floats, Floats]:
        window = slice(max(0, origin - 26), origin)
        return self._units[:, window], self._depth[:, window], self._display[:, window] + self._mailer[:, window]

    def _promotions(self, origin: int) -> list[Floats]:
        """Tell how deep, how wide and how lately the product was promoted."""
        _, depth, promotion = self._past(origin)
        promoted = (promotion > _PROMOTED) | (depth > _PROMOTED)
        recent = [past[:, -lag] for past in (promotion, depth) for lag in (1, 2, 3, 4)]
        usual = [past[:, -weeks:].mean(axis=1) for past in (promotion, depth) for weeks in (8, 26)]
        return [promoted.mean(axis=1), depth.max(axis=1), *recent, *usual]

    def _ahead(self, origin: int, week: int, track: Track) -> Floats:
        """Describe what the track knows of one week: (P, F), F = 0 for `none`."""
        columns: list[Floats] = []
        if track != "none":
            columns += [self._display[:, week], self._mailer[:, week]]
        if track == "full":
            recent = self._paid[:, origin - 13 : origin]
            usual = np.log(_mean_where(recent, np.isfinite(recent)))
            depth = self._depth[:, week]
            by_category = np.bincount(self._category, weights=depth) / np.bincount(self._category)
            columns += [depth, depth - self._depth[:, origin - 1], np.log(self._paid[:, week]) - usual]
            columns += [np.log(self._shelf[:, week] / self._shelf[:, origin - 1]), by_category[self._category]]
            columns += [self._paid[:, week]]
        return np.column_stack(columns) if columns else np.zeros((len(self._units), 0))


def _mean_where(units: Floats, chosen: np.ndarray) -> Floats:
    """Average the chosen weeks; NaN, which trees take for unknown, where there is none."""
    n_chosen = chosen.sum(axis=1)
    total = np.where(chosen, units, 0).sum(axis=1)
    mean: Floats = np.divide(total, n_chosen, out=np.full(len(units), np.nan), where=n_chosen > 0)
    return mean
