"""A version of the demand models before it is bundled: what was fitted, what is promised, what it begins from."""

from dataclasses import dataclass

from privacy.statement import Statement
from training.demand.elasticities import Elasticities
from training.demand.fit import FittedForecaster
from training.demand.private_bundle import ReleasedWeeks
from training.demand.sources import DemandSources


@dataclass(frozen=True, eq=False)
class PrivatePart:
    """What a private version has beside its models.

    Attributes:
        statement: What is promised.
        weeks: Released weeks, which go into the bundle.
        begun: What forecasts begin from: released weeks before the cut-off; after it the shop's own weeks, whose
            units serve to judge and nothing else.
    """

    statement: Statement
    weeks: ReleasedWeeks
    begun: DemandSources


@dataclass(frozen=True, eq=False)
class FittedVersion:
    """Forecaster and price response.

    Attributes:
        fitted: The forecaster; without networks where released means are shipped.
        elasticities: Of every product.
        private: Of a private version; None where nothing is promised.
    """

    fitted: FittedForecaster
    elasticities: Elasticities
    private: PrivatePart | None
