"""What the demand models must show, one fault at a time."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from configs.settings import DemandPromotionSettings
from training.artifact import Bundle, write_bundle
from training.demand.elasticities import PRODUCTS, Elasticities
from training.demand.evaluation_results import DemandDifference, DemandEvaluation, DemandScore
from training.demand.promotion_checks import BeatsSmoothing, Calibrated, elasticities_usable
from training.manifest import ManifestFacts
from training.promotion_checks import Candidate, metrics_finite

TRACKS = ("none", "promo", "full")
LIMITS = DemandPromotionSettings(max_wql_over_smoothing=0.0, min_coverage=0.75, max_coverage=0.85)


def evaluation_of(
    *, gains: tuple[float, ...] = (-0.01, -0.1, -0.2), covered: float = 0.8, band: tuple[float, float] = (0.77, 0.83)
) -> DemandEvaluation:
    """A sound evaluation, with some of its figures changed."""
    scores, differences = [], []
    for track, gain in zip(TRACKS, gains, strict=True):
        place: dict[str, Any] = {"track": track, "level": "chain", "band": "all", "n_products": 9}
        for method, value in (("demand", 0.4 * (1 + gain)), ("imapa", 0.4)):
            scores.append(DemandScore(method=method, metric="wql", value=value, low=0.2, high=0.5, **place))
        common: dict[str, Any] = {"method": "demand", "metric": "coverage_80", **place}
        scores.append(DemandScore(value=covered, low=covered - 0.01, high=covered + 0.01, **common))
        scores.append(DemandScore(value=sum(band) / 2, low=band[0], high=band[1], **{**common, "band": "slow"}))
        facts: dict[str, Any] = {"baseline": "imapa", "metric": "wql", "method": "demand", **place}
        differences.append(
            DemandDifference(
                value=0.4 * gain,
                low=-0.1,
                high=0.1,
                relative=gain,
                relative_low=gain - 0.02,
                relative_high=gain + 0.02,
                **facts,
            )
        )
    return DemandEvaluation(
        model="demand",
        train_until=datetime(2017, 8, 28, 4, tzinfo=UTC),
        origins=(date(2017, 8, 21),),
        horizon_weeks=4,
        data_snapshot_digest="5" * 64,
        provenance="made up for a test",
        n_products=9,
        n_store_series=0,
        confidence=0.95,
        n_bootstrap=200,
        seed=1,
        band_edges=(1, 5, 10),
        scores=tuple(scores),
        differences=tuple(differences),
        weeks=(),
        price_response={},
    )


def elasticities_of(location: float = -1.5, scale: float = 0.4) -> Elasticities:
    return Elasticities(
        product_ids=np.array(["a", "b"]),
        location=np.array([-1.2, location]),
        scale=np.array([0.3, scale]),
        sources=np.array(["product", "category"]),
        identified=np.array([True, False]),
        categories=np.array(["c"]),
        category_location=np.array([-1.4]),
        category_scale=np.array([0.5]),
        chain_location=-1.5,
        chain_scale=0.6,
    )


@pytest.fixture
def candidate(tmp_path: Path, facts_of: Callable[..., ManifestFacts]) -> Callable[..., Candidate]:
    """Makes a candidate from an evaluation and the frames of its bundle."""

    def make(evaluation: DemandEvaluation | None, frames: dict[str, pa.Table] | None = None) -> Candidate:
        directory = tmp_path / "1"
        rest: dict[str, Any] = {"tensors": {}, "arrays": {}, "texts": {}}
        parts = elasticities_of().bundle_parts() if frames is None else frames
        write_bundle(directory, name="demand", version="1", facts=facts_of(), frames=parts, **rest)
        found = None if evaluation is None else evaluation.model_dump(mode="json")
        return Candidate(
            bundle=Bundle.open(directory),
            evaluation=found,
            tags=None,
            required_tags=(),
            data_end=datetime(2017, 9, 1, tzinfo=UTC),
            known_snapshots=(),
        )

    return make


def failed(findings: Any) -> list[str]:
    return [finding.check for finding in findings if not finding.passed]


def test_a_sound_candidate_passes_with_its_figures(candidate: Callable[..., Candidate]) -> None:
    sound = candidate(evaluation_of())
    findings = [*BeatsSmoothing(LIMITS)(sound), *Calibrated(LIMITS)(sound), *elasticities_usable(sound)]
    assert not failed(findings)
    assert len(findings) == 7
    assert "0.3960 against 0.4000 of imapa, -1.0% [-3.0%, +1.0%]" in findings[0].reason
    assert "covers 80.0% of weeks" in findings[3].reason
    assert "2 elasticities" in findings[6].reason
    assert not failed(metrics_finite(sound))


@pytest.mark.parametrize(("gain", "limit", "passes"), [(0.005, 0.0, False), (0.005, 0.01, True), (0.0, 0.0, True)])
def test_losing_to_the_smoother_in_one_track_is_enough_to_fail(
    candidate: Callable[..., Candidate], gain: float, limit: float, passes: bool
) -> None:
    limits = LIMITS.model_copy(update={"max_wql_over_smoothing": limit})
    findings = BeatsSmoothing(limits)(candidate(evaluation_of(gains=(-0.1, gain, -0.1))))
    assert failed(findings) == ([] if passes else ["wql promo"])


@pytest.mark.parametrize(
    ("covered", "band", "passes"),
    [
        (0.80, (0.70, 0.76), True),  # the doubt about the band still reaches the limit
        (0.80, (0.70, 0.74), False),
        (0.80, (0.86, 0.90), False),
        (0.74, (0.77, 0.83), False),
        (0.86, (0.77, 0.83), False),
    ],
)
def test_coverage_has_to_lie_within_its_limits(
    candidate: Callable[..., Candidate], covered: float, band: tuple[float, float], passes: bool
) -> None:
    findings = Calibrated(LIMITS)(candidate(evaluation_of(covered=covered, band=band)))
    assert failed(findings) == ([] if passes else [f"coverage {track}" for track in TRACKS])
    assert ("in band slow" in findings[0].reason) == (covered == 0.80 and not passes)


def test_a_track_that_was_not_judged_fails(candidate: Callable[..., Candidate]) -> None:
    whole = evaluation_of()
    scores = tuple(score for score in whole.scores if score.track != "full")
    part = candidate(whole.model_copy(update={"scores": scores}))
    assert failed(BeatsSmoothing(LIMITS)(part)) == ["wql full"]
    assert failed(Calibrated(LIMITS)(part)) == ["coverage full"]


def test_nothing_is_taken_on_trust(candidate: Callable[..., Candidate]) -> None:
    bare = candidate(None, {})
    assert failed(BeatsSmoothing(LIMITS)(bare)) == ["evaluation"]
    assert failed(Calibrated(LIMITS)(bare)) == ["evaluation"]
    assert failed(elasticities_usable(bare)) == ["elasticities"]


@pytest.mark.parametrize(("location", "scale"), [(float("nan"), 0.4), (-1.5, float("nan")), (-1.5, float("inf"))])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_an_elasticity_that_is_no_number_fails(
    candidate: Callable[..., Candidate], location: float, scale: float
) -> None:
    findings = elasticities_usable(candidate(evaluation_of(), elasticities_of(location, scale).bundle_parts()))
    assert failed(findings) == ["elasticities"]
    assert "1 of 2 elasticities" in findings[0].reason


def test_no_elasticity_at_all_fails(candidate: Callable[..., Candidate]) -> None:
    frames = elasticities_of().bundle_parts()
    findings = elasticities_usable(candidate(evaluation_of(), {**frames, PRODUCTS: frames[PRODUCTS][:0]}))
    assert failed(findings) == ["elasticities"]
    assert "no elasticity" in findings[0].reason
