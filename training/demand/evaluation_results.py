"""What a demand backtest found, as values that can be stored, printed and gated on."""

from datetime import date, datetime
from typing import Literal

from training.demand.plan import Track
from training.errors import ScoreUnknown
from training.evaluation_results import Result

Scope = Literal["chain", "store"]
ALL: Literal["all"] = "all"  # the band of every series


class DemandScore(Result):
    """One metric of one method over the series of a volume band, with its interval over products."""

    method: str
    track: Track
    level: Scope
    band: str
    metric: str
    value: float
    low: float
    high: float
    n_products: int


class DemandDifference(Result):
    """The model's metric minus another method's over the same products; `relative` is over the other's metric."""

    method: str
    baseline: str
    track: Track
    level: Scope
    band: str
    metric: str
    value: float
    low: float
    high: float
    relative: float
    relative_low: float
    relative_high: float
    n_products: int


class WeekScore(Result):
    """The model in one week: where the calendar hurts shows here."""

    track: Track
    level: Scope
    week_start: date
    units: float
    wql: float
    bias: float


class DemandEvaluation(Result):
    """All figures of one demand backtest.

    Attributes:
        model: The method under judgement.
        train_until: Time before which everything was known at the first origin; UTC.
        origins: Mondays of the last weeks known.
        provenance: Where the data came from, to be shown wherever the figures are.
        band_edges: Units per week at which the next volume band begins.
        price_response: Figures of the elasticity model by name; empty where it was not judged.
    """

    model: str
    train_until: datetime
    origins: tuple[date, ...]
    horizon_weeks: int
    data_snapshot_digest: str
    provenance: str
    n_products: int
    n_store_series: int
    confidence: float
    n_bootstrap: int
    seed: int
    band_edges: tuple[float, ...]
    scores: tuple[DemandScore, ...]
    differences: tuple[DemandDifference, ...]
    weeks: tuple[WeekScore, ...]
    price_response: dict[str, float]

    @property
    def methods(self) -> list[str]:
        """Every method once, the model first."""
        return list(dict.fromkeys([self.model, *(score.method for score in self.scores)]))

    @property
    def tracks(self) -> list[Track]:
        """Every track judged, in order."""
        return list(dict.fromkeys(score.track for score in self.scores))

    def score(self, method: str, *, track: Track, metric: str, level: Scope = "chain", band: str = ALL) -> DemandScore:
        """Look up one score.

        Raises:
            ScoreUnknown: If it was not measured.
        """
        wanted = (method, track, level, band, metric)
        for score in self.scores:
            if (score.method, score.track, score.level, score.band, score.metric) == wanted:
                return score
        raise self._unknown(method, track, level, band, metric)

    def difference(
        self, baseline: str, *, track: Track, metric: str, level: Scope = "chain", band: str = ALL
    ) -> DemandDifference:
        """Look up the model's difference to another method, paired by product.

        Raises:
            ScoreUnknown: If it was not measured.
        """
        wanted = (baseline, track, level, band, metric)
        for found in self.differences:
            if (found.baseline, found.track, found.level, found.band, found.metric) == wanted:
                return found
        raise self._unknown(baseline, track, level, band, metric)

    def headline(self) -> dict[str, float]:
        """Flatten the model's scores over all bands to `track.metric: value`, for manifests and trackers.

        Store scores are called `track.store.metric`, figures of the price response `price_response.name`.
        """
        figures: dict[str, float] = {}
        for score in self.scores:
            if score.method == self.model and score.band == ALL:
                place = score.track if score.level == "chain" else f"{score.track}.{score.level}"
                figures[f"{place}.{score.metric}"] = score.value
        return figures | {f"price_response.{name}": value for name, value in self.price_response.items()}

    def _unknown(self, method: str, track: Track, level: Scope, band: str, metric: str) -> ScoreUnknown:
        return ScoreUnknown(method=method, task=track, metric=metric, subset=f"{level} {band}", known=self.methods)
