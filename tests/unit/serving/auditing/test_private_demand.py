"""The audit of a demand version of the made-up chain: its sums are made again of nobody's purchases."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.settings import Settings
from privacy.accounting import epsilon
from privacy.auditing.errors import VersionOutdated
from privacy.auditing.record import COUNT_TESTS
from privacy.statement import STATEMENT_FILE, Charge, Statement
from serving.auditing.private_demand import demand_version, examine_demand
from training.artifact import Bundle, bundle_directory, write_bundle
from training.demand.panel import Panel
from training.demand.private_bundle import ReleasedWeeks
from training.demand.private_plan import demand_plan
from training.manifest import ManifestFacts, PrivacyStatement


def silent(_: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def settings(chain: Any) -> Settings:
    """The chain's, with as few canaries as may be."""
    audit = chain.settings.privacy.audit.model_copy(update={"n_canaries": 300})
    privacy = chain.settings.privacy.model_copy(update={"audit": audit})
    return Settings.model_validate(chain.settings.model_copy(update={"privacy": privacy}).model_dump())


def made(root: Path, settings: Settings, panel: Panel, *, charged: float = 1.0) -> Bundle:
    """Write a private version's release into a bundle, with its promise."""
    private = settings.demand.private
    plan = demand_plan(private)
    promise = Statement(
        setting="Central model.",
        mechanism="dp-counts",
        epsilon=private.target_epsilon,
        delta=private.delta,
        mu=0.4,
        accountant="PLD",
        charges=tuple(
            Charge(what=step.what, epsilon_alone=charged * epsilon((step.event,), private.delta)) for step in plan.steps
        ),
        not_covered=("prices",),
    )
    known = panel.until(panel.weeks[26])
    weeks = ReleasedWeeks(panel.product_ids, known.weeks, known.units, np.array(["s0", "s1", "s2"]), np.ones(3) / 3)
    arrays, frames = weeks.bundle_parts()
    facts = ManifestFacts(
        trained_at=datetime(2025, 2, 1, tzinfo=UTC),
        train_until=datetime(2024, 7, 1, tzinfo=UTC),
        data_snapshot_digest="d",
        code_commit="c",
        lock_digest="l",
        feature_service="price_v1",
        consent_digest="k",
        settings=settings.model_dump(mode="json", include={"demand"}),
        privacy=PrivacyStatement.of(promise),
    )
    return write_bundle(
        bundle_directory(root, "demand", "7"),
        name="demand",
        version="7",
        facts=facts,
        tensors={},
        arrays=arrays,
        frames=frames,
        texts={STATEMENT_FILE: promise.to_json()},
    )


def test_a_version_s_releases_are_made_again_and_pass(chain: Any, settings: Settings, tmp_path: Path) -> None:
    found = examine_demand(made(tmp_path, settings, chain.sources.panel), settings, silent)
    assert found.membership is None
    assert any("Real customers were not attacked" in note for note in found.notes)
    assert (found.claim.counts_epsilon, found.claim.training_epsilon) == (None, None)
    assert [(one.release, one.test) for one in found.findings] == found.claim.wanted
    assert found.claim.wanted == [(release, test) for release in ("levels", "responses") for test in COUNT_TESTS]
    # The right code fails a chance test of these once in a hundred runs.
    assert [one.reason for one in found.findings if not one.passed and one.test == "sensitivity"] == []
    assert {one.limit for one in found.findings if one.release == "levels"} >= {found.claim.levels_epsilon}


def test_the_frame_is_that_of_the_release(chain: Any, settings: Settings, tmp_path: Path) -> None:
    version = demand_version(made(tmp_path, settings, chain.sources.panel), settings)
    assert version.design.weeks.tolist() == chain.sources.panel.weeks[:26].tolist()
    assert version.design.store_ids.tolist() == ["s0", "s1", "s2"]
    assert not version.design.panel.units.any(), "no sale is read"


def test_a_version_that_was_charged_with_less_is_refused(chain: Any, settings: Settings, tmp_path: Path) -> None:
    bundle = made(tmp_path, settings, chain.sources.panel, charged=0.9)
    with pytest.raises(VersionOutdated, match="names other releases"):
        demand_version(bundle, settings)
