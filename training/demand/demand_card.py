"""The model card of the demand models: what they are, how they did, and what they are not for."""

from typing import Final

import numpy as np

from training.demand.elasticities import Elasticities
from training.demand.evaluation import COVERAGE, WQL
from training.demand.evaluation_results import ALL, DemandEvaluation, DemandScore, Scope
from training.demand.plan import Track
from training.manifest import ManifestFacts
from training.model_card import origin_lines

_LIMITS: Final = (
    "Offline figures tell how well past sales are foretold, not what another price would have sold.",
    "One year of data: no annual season can be learnt; give known events an uplift in demand.events.",
    "Never change a price in the forecaster and read the difference as its effect: decisions use the elasticities.",
    "Product elasticities are barely identified in a year: read the interval and the level it comes from.",
)
_KNOWN: Final = {"none": "nothing known of the weeks ahead", "promo": "promotions known", "full": "prices known too"}
_METRICS: Final = (WQL, "wape", "rmsse", "bias", COVERAGE)


def demand_card(
    *, version: str, description: str, facts: ManifestFacts, evaluation: DemandEvaluation, elasticities: Elasticities
) -> str:
    """Write a model card in Markdown.

    Args:
        version: Of the bundle.
        description: One sentence on what the models do.
        facts: What they were made from.
        evaluation: How the forecaster did.
        elasticities: What the price response says.
    """
    sections = [
        f"# {evaluation.model}, version {version}\n\n{description}",
        "## Made from\n\n" + origin_lines(facts),
        "## Privacy\n\n" + facts.privacy.words,
        *(_results(evaluation, track, level) for track in evaluation.tracks for level in _levels(evaluation, track)),
        "## Price response\n\n" + _response(elasticities),
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in _LIMITS),
    ]
    return "\n\n".join(sections) + "\n"


def _levels(evaluation: DemandEvaluation, track: Track) -> list[Scope]:
    return list(dict.fromkeys(score.level for score in evaluation.scores if score.track == track))


def _results(evaluation: DemandEvaluation, track: Track, level: Scope) -> str:
    n_series = evaluation.n_products if level == "chain" else evaluation.n_store_series
    head = f"| method | {' | '.join(_METRICS)} |\n|---{'|---' * len(_METRICS)}|"
    found: dict[str, dict[str, DemandScore]] = {}
    for score in evaluation.scores:
        if (score.track, score.level, score.band) == (track, level, ALL):
            found.setdefault(score.method, {})[score.metric] = score
    rows = [
        f"| {method} | " + " | ".join(_cell(by_metric.get(metric)) for metric in _METRICS) + " |"
        for method, by_metric in found.items()
    ]
    note = (
        f"{n_series} series, origins {', '.join(map(str, evaluation.origins))}, {evaluation.confidence:.0%} intervals"
    )
    return f"## {level.title()}, {track}: {_KNOWN[track]}\n\n{note} by resampling products.\n\n" + "\n".join(
        [head, *rows]
    )


def _cell(score: DemandScore | None) -> str:
    return "–" if score is None else f"{score.value:.4f} [{score.low:.4f}, {score.high:.4f}]"


def _response(elasticities: Elasticities) -> str:
    low, high = np.quantile(elasticities.value, [0.1, 0.9])
    levels, counts = np.unique(elasticities.sources, return_counts=True)
    shares = ", ".join(f"{n} from the {level}" for level, n in zip(levels, counts, strict=True))
    return (
        f"{len(elasticities)} products; median {np.median(elasticities.value):.2f}, four in five between {low:.2f} and "
        f"{high:.2f}; {shares}; the own price of {int(elasticities.identified.sum())} moved enough to tell."
    )
