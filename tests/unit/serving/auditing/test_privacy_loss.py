"""A private version beside the same model without the noise."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy import sparse

from configs.loading import load_settings
from fairness.policy import Policy
from privacy.statement import STATEMENT_FILE, Statement
from serving.auditing.privacy_loss import compared, privacy_losses, reference_of
from training.artifact import Bundle, bundle_directory, set_champion, write_bundle
from training.manifest import ManifestFacts, PrivacyStatement
from training.two_tower.audit_lists import AuditLists

CUTOFF = datetime(2025, 1, 1, tzinfo=UTC)
PROMISE = Statement(
    setting="Central model.",
    mechanism="dp-counts",
    epsilon=1.5,
    delta=1e-5,
    mu=0.4,
    accountant="PLD",
    not_covered=("what the customer is shown",),
)


def made(root: Path, version: str, *, private: bool = False, snapshot: str = "d", until: datetime = CUTOFF) -> Bundle:
    facts = ManifestFacts(
        trained_at=datetime(2025, 2, 1, tzinfo=UTC),
        train_until=until,
        data_snapshot_digest=snapshot,
        code_commit="c",
        lock_digest="l",
        feature_service="customer_v1",
        consent_digest="k",
        settings={},
        privacy=PrivacyStatement.of(PROMISE) if private else PrivacyStatement(),
    )
    directory = bundle_directory(root, "two-tower", version)
    texts = {STATEMENT_FILE: PROMISE.to_json()} if private else {}
    return write_bundle(
        directory, name="two-tower", version=version, facts=facts, tensors={}, arrays={}, frames={}, texts=texts
    )


def test_the_reference_differs_by_the_noise_alone_and_the_champion_comes_first(tmp_path: Path) -> None:
    audited = made(tmp_path, "9", private=True)
    assert reference_of(audited, tmp_path) is None
    made(tmp_path, "1", snapshot="other")
    made(tmp_path, "2", until=CUTOFF - timedelta(days=1))
    made(tmp_path, "3", private=True)
    assert reference_of(audited, tmp_path) is None
    for version in ("4", "5"):
        made(tmp_path, version)
    assert found(audited, tmp_path) == "5", "the newest"
    set_champion(tmp_path, Bundle.open(bundle_directory(tmp_path, "two-tower", "4")))
    assert found(audited, tmp_path) == "4"
    next(bundle_directory(tmp_path, "two-tower", "4").rglob("*.json")).write_text("x")
    assert found(audited, tmp_path) == "5", "a damaged bundle is no reference"


def found(audited: Bundle, root: Path) -> str | None:
    reference = reference_of(audited, root)
    return reference.manifest.version if reference else None


def lists(products: str, served: list[str], bought: list[str]) -> AuditLists:
    """Lists of three places, padded to ten; a letter is a product."""
    catalogue = {product: place for place, product in enumerate(products)}
    positions = np.full((len(served), 10), -1, np.int64)
    cells = np.zeros((len(bought), len(products)), dtype=bool)
    for row, shown in enumerate(served):
        positions[row, : len(shown)] = [catalogue[product] for product in shown]
    for row, wanted in enumerate(bought):
        cells[row, [catalogue[product] for product in wanted if product in catalogue]] = True
    relevant = sparse.csr_array(cells)
    frame = pd.DataFrame({"product_id": list(products)})
    both = {"lists": {"all": positions, "novel": positions}, "relevant": {"all": relevant, "novel": relevant}}
    return cast("AuditLists", SimpleNamespace(products=frame, **both))


def test_both_are_judged_on_everything_that_either_could_recommend() -> None:
    bought = ["a", "bd", ""]
    private, reference = lists("ab", ["ab", "ab", "ab"], bought), lists("abcd", ["ba", "db", "cd"], bought)
    figures = compared(private, reference, "version 1")
    second = 1 / np.log2(3)
    # The private version knows no d: of the second customer's two it can place b alone, at rank 2.
    np.testing.assert_allclose(figures.private["all"], [1.0, second / (1 + second), np.nan])
    np.testing.assert_allclose(figures.reference["all"], [second, 1.0, np.nan])
    assert figures.n_bought["all"].tolist() == [1, 2, 0]


def test_ids_that_stand_elsewhere_in_the_other_catalogue_are_the_same_products() -> None:
    one = compared(lists("acd", ["ca"], ["c"]), lists("abc", ["ca"], ["c"]), "version 1")
    assert one.private["novel"].tolist() == one.reference["novel"].tolist() == [1.0]


def test_nothing_is_said_of_a_version_that_is_not_private(tmp_path: Path) -> None:
    anything = cast("Any", None)
    assert privacy_losses(made(tmp_path, "1"), anything, [], anything, anything, lambda _: None) == []


def test_a_private_version_without_a_reference_is_told_plainly(tmp_path: Path) -> None:
    settings = load_settings("test", [f"storage.root={tmp_path}"])
    audited = made(settings.storage.bundles, "1", private=True)
    policy, anything = Policy(settings.fairness, "two-tower"), cast("Any", None)
    measures = privacy_losses(audited, anything, [], settings, policy, lambda _: None)
    assert {one.verdict for one in measures} == {"INSUFFICIENT"}
    assert all("No version without the noise is on record" in one.note for one in measures)
