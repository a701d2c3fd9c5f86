"""What tests of several packages share."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import pytest

from configs.loading import load_settings
from configs.settings import PROJECT_ROOT, Settings
from features.build_record import update_record
from features.ingest import ingest_complete_journey, ingest_files
from features.lake import Lake

if TYPE_CHECKING:
    from fairness.audit_store import Evidence
    from fairness.report import Report
    from training.artifact import Bundle
    from training.demand.sources import DemandSources

_CHAIN_SETTINGS: Final = (
    "ingest.trading_time_zone=America/New_York",
    "demand.forecaster.n_epochs=1",
    "demand.forecaster.n_members=1",
    "demand.forecaster.trees.n_trees=20",
    "demand.forecaster.trees.n_threads=1",
    "demand.forecaster.stores.n_steps=20",
    "demand.elasticity.n_learning_rounds=5",
    "demand.evaluation.n_bootstrap=100",
    "demand.evaluation.min_selling_weeks=5",
)
_N_PRODUCTS, _N_WEEKS, _N_STORES = 40, 30, 3
_CHAIN_STARTS: Final = pd.Timestamp("2024-01-01T17:00:00Z")  # a Monday noon in New York


@pytest.fixture(scope="session")
def complete_journey_var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole Complete Journey, ingested once: a root holding lake, keys, vault, audit, reports and state.db.

    Takes about 20 seconds, promotions included. Shared by the session: read it, write elsewhere.
    """
    root = tmp_path_factory.mktemp("complete-journey")
    settings = settings_at(root)
    ingest_complete_journey(settings.storage, settings.ingest, settings.privacy, lambda _: None)
    return root


@pytest.fixture(scope="session")
def complete_journey_lake(complete_journey_var: Path) -> Lake:
    """The lake of the whole Complete Journey."""
    return Lake.open(complete_journey_var / "lake")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of the test profile that write under this test's own folder."""
    return settings_at(tmp_path / "var")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the corner shop of docs/own-data, to be changed at will."""
    folder = tmp_path / "shop"
    shutil.copytree(PROJECT_ROOT / "docs" / "own-data", folder)
    return folder


def settings_at(root: Path, *overrides: str) -> Settings:
    """Load the test profile with another root."""
    return load_settings("test", [f"storage.root={root}", *overrides])


@dataclass(frozen=True)
class Chain:
    """A made-up chain: 40 products that sell in 30 weeks at 3 stores, and one that never did.

    Product p39 sold in the first two weeks alone, p38 never at s2. Products 2k and 2k + 1 are a small and a large pack
    of one line.

    Attributes:
        source: Folder of the files a chain would hand over.
        settings: Models as small as they get; a champion lies in the bundles.
        elasticity: (40,) what units are drawn with.
    """

    source: Path
    settings: Settings
    elasticity: np.ndarray

    @cached_property
    def sources(self) -> "DemandSources":
        """What a demand run reads."""
        from training.demand.sources import prepare_demand

        return prepare_demand(self.settings.storage, lambda _: None)

    @cached_property
    def bundle(self) -> "Bundle":
        """The champion."""
        from training.artifact import load_champion

        return load_champion(self.settings.storage.bundles, "demand")

    def ingested_at(self, root: Path, transactions: pd.DataFrame) -> "Chain":
        """Hand over other transactions to a house of its own, with the same champion."""
        source = root / "source"
        shutil.copytree(self.source, source)
        transactions.to_csv(source / "transactions.csv", index=False)
        settings = settings_at(root / "var", *_CHAIN_SETTINGS)
        _ingest_chain(source, settings)
        shutil.copytree(self.settings.storage.bundles, settings.storage.bundles)
        made = Chain(source, settings, self.elasticity)
        clear_bundle(made.bundle, settings)  # the house has keys of its own
        return made

    def copied_to(self, root: Path) -> "Chain":
        """Ingest the same files into another house, to be written to."""
        return self.ingested_at(root, pd.read_csv(self.source / "transactions.csv"))


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """The made-up chain, ingested, with a champion of the demand models. Read it, write elsewhere."""
    root = tmp_path_factory.mktemp("chain")
    source, settings = root / "source", settings_at(root / "var", *_CHAIN_SETTINGS)
    made = Chain(source, settings, _write_chain(source))
    _ingest_chain(source, settings)
    _champion(made)
    return made


def _ingest_chain(source: Path, settings: Settings) -> None:
    """Ingest, and let time go on from the end of the sales, as a filled online store does."""
    ingest_files(source, settings.storage, settings.ingest, settings.privacy, lambda _: None)
    ends = _CHAIN_STARTS.normalize() + pd.Timedelta(weeks=_N_WEEKS, days=1)
    update_record(settings.storage.feast, as_of=ends.to_pydatetime(), materialised_at=datetime.now(UTC))


def _write_chain(folder: Path) -> np.ndarray:
    rng = np.random.default_rng(11)
    shape = (_N_PRODUCTS, _N_WEEKS)
    elasticity = np.where(np.arange(_N_PRODUCTS) % 4 < 2, -2.5, -1.2)
    size = np.where(np.arange(_N_PRODUCTS) % 2, 24, 12)
    line_price = np.repeat(rng.uniform(2, 6, _N_PRODUCTS // 2), 2)
    shelf = np.round(np.where(size == 24, 1.7, 1.0)[:, None] * line_price[:, None] * _walk(rng, shape), 2)
    promoted = rng.uniform(size=shape) < 0.12
    paid = np.round(np.where(promoted, 0.8, 1.0) * shelf, 2)
    level = rng.uniform(2, 12, size=(_N_PRODUCTS, 1))
    mean = level * (paid / shelf[:, :1]) ** elasticity[:, None] * np.where(promoted, 1.3, 1.0)
    units = rng.poisson(mean[:, :, None] * np.array([0.5, 0.3, 0.2]))
    units[-1, 2:] = 0
    units[-2, :, 2] = 0
    product, week, store = np.nonzero(units)
    n_lines = len(product)
    moments = _CHAIN_STARTS + pd.to_timedelta(7 * week + rng.integers(0, 7, n_lines), unit="D")
    quantity = units[product, week, store]
    folder.mkdir()
    sales = pd.DataFrame(
        {
            "customer_id": [f"h{customer}" for customer in rng.integers(0, 60, n_lines)],
            "product_id": [f"p{place:02d}" for place in product],
            "store_id": [f"s{place}" for place in store],
            "basket_id": [f"b{line}" for line in range(n_lines)],
            "event_timestamp": moments.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "quantity": quantity,
            "paid_amount": np.round(quantity * paid[product, week], 2),
            "shelf_amount": np.round(quantity * shelf[product, week], 2),
            "loyalty_discount": np.round(quantity * (shelf - paid)[product, week], 2),
        }
    )
    sales.to_csv(folder / "transactions.csv", index=False)
    _write_books(folder, size, promoted)
    return elasticity


def _walk(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Prices that move in one week of seven, lines together."""
    steps = np.where(rng.uniform(size=shape) < 1 / 7, rng.normal(0, 0.08, shape), 0.0)[::2]
    factors: np.ndarray = np.exp(np.repeat(np.cumsum(steps, axis=1), 2, axis=0))
    return factors


def _write_books(folder: Path, size: np.ndarray, promoted: np.ndarray) -> None:
    places = np.arange(_N_PRODUCTS)
    products = pd.DataFrame(
        {
            "product_id": [f"p{place:02d}" for place in places],
            "department": "GROCERY",
            "category": [f"CATEGORY {place % 4 // 2}" for place in places],
            "product_type": [f"LINE {place // 2}" for place in places],
            "brand": "NATIONAL",
            "manufacturer_id": [f"m{place // 10}" for place in places],
            "package_size": [f"{ounces} OZ" for ounces in size],
        }
    )
    never = products.iloc[[0]].assign(product_id="p99", product_type="NEW LINE")
    pd.concat([products, never]).to_csv(folder / "products.csv", index=False)
    product, week = np.nonzero(promoted)
    monday = (_CHAIN_STARTS.normalize() + pd.to_timedelta(7 * week, unit="D")).strftime("%Y-%m-%d")
    shown = pd.DataFrame({"product_id": [f"p{place:02d}" for place in product], "week_start": monday})
    shown = shown.merge(pd.DataFrame({"store_id": [f"s{store}" for store in range(_N_STORES)]}), how="cross")
    shown.assign(display="end of aisle", mailer="").to_csv(folder / "promotions.csv", index=False)


def _champion(chain: Chain) -> None:
    """Fit on all weeks, bundle, clear and promote, without a tracker, a gate or a real audit."""
    from training.artifact import bundle_directory, set_champion, write_bundle
    from training.demand.bundling import bundle_parts
    from training.demand.elasticity import fit_elasticities
    from training.demand.fit import fit_forecaster
    from training.manifest import ManifestFacts

    storage, demand, sources = chain.settings.storage, chain.settings.demand, chain.sources
    fitted = fit_forecaster(sources.panel, sources.stores, demand, storage.checkpoints)
    tensors, arrays, frames, texts = bundle_parts(fitted.forecaster)
    week_after = sources.panel.weeks[-1] + np.timedelta64(7, "D")
    facts = ManifestFacts(
        trained_at=sources.cutoff(week_after),
        train_until=sources.cutoff(week_after),
        data_snapshot_digest=sources.lake.manifest.snapshot_digest,
        code_commit="c" * 40,
        lock_digest="d" * 64,
        feature_service="price_v1",
        consent_digest="none needed",
        settings={},
        metrics={},
        provenance="made up for a test",
    )
    bundle = write_bundle(
        bundle_directory(storage.bundles, "demand", "1"),
        name="demand",
        version="1",
        facts=facts,
        tensors=tensors,
        arrays=arrays,
        frames=frames | fit_elasticities(sources.panel, demand.elasticity).bundle_parts(),
        texts=texts,
    )
    clear_bundle(bundle, chain.settings)
    set_champion(storage.bundles, bundle)


@pytest.fixture(scope="session")
def cleared() -> "Callable[..., Evidence]":
    """Clears a bundle as a passed audit would; see `clear_bundle`."""
    return clear_bundle


@pytest.fixture(scope="session")
def passing() -> "Callable[..., Report]":
    """Makes the report of an audit that passed; see `passing_report`."""
    return passing_report


def clear_bundle(bundle: "Bundle", settings: Settings, **changes: Any) -> "Evidence":
    """Sign a minimal passing report of a bundle with the house's own key, keep it, and lay it beside the bundle.

    Args:
        bundle: To be cleared.
        settings: Of the house; its signing keys are made where they are missing.
        changes: To the report's fields.
    """
    from fairness.audit_store import REPORTS, AuditStore, attach
    from fairness.signing import AUDIT_KEYS, load_signer, sign_report

    manifest = bundle.manifest
    report = passing_report(manifest.name, manifest.version, bundle.digest, settings, **changes)
    signature = sign_report(report, load_signer(settings.storage.keys, AUDIT_KEYS, create=True), report.created_at)
    store = AuditStore(settings.storage.reports / REPORTS)
    store.add(report, signature, page="<!doctype html><p>passed</p>", notice="<!doctype html><p>passed</p>")
    evidence = store.open(report.report_id)
    attach(bundle.directory, evidence)
    return evidence


def passing_report(name: str, version: str, bundle_digest: str, settings: Settings, **changes: Any) -> "Report":
    """Make the report of an audit in which every measure that decides passed; `changes` are to its fields."""
    from fairness.audit import REQUIRED_INVARIANTS
    from fairness.measures import Contrast, GroupResult, Measure
    from fairness.policy import Policy
    from fairness.report import DataReference, ModelReference, Report, new_report

    policy, now = Policy(settings.fairness, name), changes.get("created_at", datetime.now(UTC))
    groups = tuple(GroupResult(group=one, n=99, events=99, value=0.5, interval_95=(0.4, 0.6)) for one in "ab")
    contrast = Contrast(
        kind="ratio", worst_group="a", best_group="b", value=1, interval_95=(0.9, 1), p_value=1, minimum_detectable=0.9
    )
    shared: dict[str, Any] = {"surface": "proxies", "unit": "share", "ideal": 1, "verdict": "PASS", "note": ""}
    measures = [
        Measure(**one.model_dump(), family="primary", groups=groups, contrast=contrast, **shared)
        for one in policy.primary
    ]
    measures += [
        Measure(measure=one.measure, attribute=None, margin=0, family="invariant", groups=(), contrast=None, **shared)
        for one in REQUIRED_INVARIANTS[name]
    ]
    report = new_report(
        kind="release",
        model=ModelReference(name=name, version=version, bundle_digest=bundle_digest),
        policy_digest=policy.digest,
        statistics=policy.statistics,
        data=DataReference(snapshot_digest="5" * 64, window_start=now, window_end=now, n_customers=2, n_unknown=0),
        verdict="PASS",
        measures=measures,
        definitions=(),
        waived=(),
        not_examined=(),
        provenance="made up for a test",
        model_card="",
        trade_off=(),
        previous=None,
        code_commit="c" * 40,
        now=now,
    )
    return Report.model_validate({**report.model_dump(), **changes})
