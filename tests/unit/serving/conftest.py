"""A whole service in memory: all of it real but the model, the feature store and the journal."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from configs.loading import load_settings
from configs.settings import ServingSettings
from fairness.audit_store import NOTICE, PAGE, REPORTS, AuditStore
from fairness.clearance import Clearance
from fairness.committee import open_committee
from fairness.report import Report
from fairness.signing import AUDIT_KEYS, load_signer, sign_report
from features.clock import Clock
from features.events import Event, RecordResult
from privacy.audit_log import AuditLog
from privacy.consent import PERSONALIZATION, ConsentLedger
from privacy.keys import write_secret
from privacy.ledger_book import WITNESS, LedgerBook
from privacy.pseudonyms import Pseudonymizer
from privacy.state import open_state
from serving.app import build_app
from serving.arms import RunningExperiments
from serving.budget_desk import BudgetDesk
from serving.bundles import BundleHolder
from serving.champion import Champion
from serving.consents import ConsentDesk
from serving.customers import CustomerDesk
from serving.decisions import DecisionLog
from serving.events import EventDoor
from serving.fairness_desk import FairnessDesk
from serving.freshness import Freshness
from serving.keys import load_keys, read_plain_keys
from serving.models import ModelShelf
from serving.people.stores import erasures_of
from serving.pricing.advisor import Advisor
from serving.pricing.assembly import build_pricing
from serving.recommend import Recommender
from serving.services import Services, limits_from
from serving.shelf import Shelf
from serving.similar import SimilarProducts
from serving.standing import Standings
from serving.stock import Stock

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)

# id, department, category, product_type, brand, price
PRODUCTS = [
    ("10", "GROCERY", "MILK", "WHOLE MILK", "National", 1.99),
    ("11", "GROCERY", "MILK", "OAT MILK", "Private", 2.49),
    ("12", "GROCERY", "BREAD", "RYE BREAD", "Private", 3.00),
    ("13", "GROCERY", "BREAD", "WHITE BREAD", "National", 1.00),
    ("14", "MEAT", "BEEF", "STEAK", "National", 12.50),
    ("15", "MEAT", "BEEF", "MINCE", "Private", 6.00),
    ("16", "PRODUCE", "FRUIT", "APPLES", "Private", 0.99),
    ("17", "PRODUCE", "FRUIT", "PEARS", "National", float("nan")),
]
PAGE_HTML = "<!doctype html><title>Fairness report</title><p>Ümläute: the report</p>"
REPORT_ID = f"fr_{'0' * 24}"
CARD = {
    "name": "two-tower",
    "version": "3",
    "trained_at": "2025-02-01T00:00:00Z",
    "fairness_report_id": REPORT_ID,
    "privacy": {"mechanism": "none", "epsilon": None, "delta": None, "unit": None},
}


@dataclass(frozen=True)
class FakeRanking:
    """A ranking as the model gives it."""

    product_idx: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]
    sources: tuple[str, ...]
    because_idx: npt.NDArray[np.int64]
    causes: tuple[str | None, ...] = ()


class FakeRanker:
    """Popularity is the catalogue's own order; what was bought comes first; the neighbour of a product is like it."""

    exposure_strength = 0.0

    def _ranking(
        self, order: Sequence[int], source: Sequence[str], because: Sequence[int], allowed: Any, k: int
    ) -> FakeRanking:
        kept = [i for i, position in enumerate(order) if allowed is None or allowed[position]][:k]
        return FakeRanking(
            np.array([order[i] for i in kept], dtype=np.int64),
            np.array([1 / (i + 1) for i in kept], dtype=np.float32),
            tuple(source[i] for i in kept),
            np.array([because[i] for i in kept], dtype=np.int64),
        )

    def rank(
        self,
        row: Mapping[str, Any],
        *,
        basket_idx: Any,  # noqa: ARG002 - the door keeps the basket out by itself
        allowed: Any,
        task: Literal["all", "novel"],
        k: int,
        explain: bool,
    ) -> FakeRanking:
        """Bought products first, then the others; products due again say so where the row does."""
        positions = [int(product) - 10 for product in row["product_ids"]]
        order = [*(positions if task == "all" else []), *(p for p in range(len(PRODUCTS)) if p not in positions)]
        sources = ["repeat" if p in positions else "two_tower" for p in order]
        because = [-1 if p in positions else (positions or [-1])[0] for p in order]
        ranking = self._ranking(order, sources, because, allowed, k)
        due = {int(product) - 10 for product in row.get("due", ())}
        causes = tuple("DUE_AGAIN" if p in due else None for p in ranking.product_idx.tolist())
        return replace(ranking, causes=causes) if explain else ranking

    def rank_basket(self, basket_idx: Any, *, allowed: Any, k: int) -> FakeRanking:
        """The two products after the first of the basket."""
        first = int(basket_idx[0])
        order = [p for p in (first + 1, first + 2) if p < len(PRODUCTS)]
        return self._ranking(order, ["together"] * len(order), [first] * len(order), allowed, k)

    def rank_popular(self, *, allowed: Any, k: int) -> FakeRanking:
        """The order of the catalogue."""
        n = len(PRODUCTS)
        return self._ranking(range(n), ["popular"] * n, [-1] * n, allowed, k)

    def similar(self, product_idx: int, *, allowed: Any, k: int) -> FakeRanking:
        """Everything else, forwards."""
        order = [p for p in range(len(PRODUCTS)) if p != product_idx]
        return self._ranking(order, ["similar"] * len(order), [product_idx] * len(order), allowed, k)

    def together(self, product_idx: int, *, allowed: Any, k: int) -> FakeRanking:
        """Everything else, backwards."""
        order = [p for p in reversed(range(len(PRODUCTS))) if p != product_idx]
        return self._ranking(order, ["together"] * len(order), [product_idx] * len(order), allowed, k)


@dataclass
class FakeFeatures:
    """Online features by pseudonym; `broken` makes the store fail."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: bool = False

    def online_customer(self, customer_id: str) -> dict[str, Any] | None:
        """Give a row, or fail."""
        if self.broken:
            raise ConnectionError(f"no answer for {customer_id}")
        return self.rows.get(customer_id)


@dataclass
class FakeSink:
    """Remembers events; `failure` is raised instead where it is set."""

    seen: dict[str, Event] = field(default_factory=dict)
    failure: Exception | None = None

    def record(self, events: Sequence[Event]) -> RecordResult:
        """Remember events by id, or fail."""
        if self.failure:
            raise self.failure
        new = {event.event_id: event for event in events if event.event_id not in self.seen}
        self.seen.update(new)
        return RecordResult(accepted=len(new), duplicates=len(events) - len(new))


def champion(version: str = "3") -> Champion:
    """Build the small model."""
    columns = list(zip(*PRODUCTS, strict=True))
    names = ("department", "category", "product_type", "brand", "price_usd")
    return Champion(
        name="two-tower",
        version=version,
        digest=f"digest-{version}",
        ranker=FakeRanker(),
        shelf=Shelf.of(columns[0], dict(zip(names, columns[1:], strict=True))),
        card={**CARD, "version": version},
        facts={},
        clearance=Clearance("two-tower", version, "b" * 64, REPORT_ID, "c" * 64, datetime.max.replace(tzinfo=UTC)),
    )


@dataclass
class Shop:
    """The service and everything a test may turn."""

    services: Services
    keys: Mapping[str, str]
    consent: ConsentLedger
    pseudonyms: Pseudonymizer
    features: FakeFeatures
    sink: FakeSink
    pointer: Path
    bundles: Path
    lake: Path

    def call(self, method: str, path: str, *, role: str | None = "storefront", **sent: Any) -> httpx.Response:
        """Send one request, by default with the storefront's key."""
        headers = dict(sent.pop("headers", {}))
        if role is not None:
            headers.setdefault("X-API-Key", self.keys[role])

        async def send() -> httpx.Response:
            app = build_app(lambda: self.services)
            transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
                return await client.request(method, path, headers=headers, **sent)

        return asyncio.run(send())

    def recommend(self, **asked: Any) -> dict[str, Any]:
        """Ask for recommendations and expect an answer."""
        answer = self.call("POST", "/v1/recommendations", json=asked)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def know(self, customer_id: str, *bought: str, granted: bool | None = True) -> str:
        """Make a customer known, with consent on file unless told otherwise; give the pseudonym."""
        pseudonym = self.pseudonyms.pseudonym(customer_id)
        self.features.rows[pseudonym] = {"product_ids": list(bought), "session_product_ids": []}
        if granted is not None:
            self.consent.record(pseudonym, PERSONALIZATION, granted=granted, at=NOW, version="c-7", source="test")
        return pseudonym


def ethics_of(root: Path, now: datetime) -> tuple[Standings, FairnessDesk]:
    """Open what the committee works with, at some time."""
    settings = load_settings("test", [f"storage.root={root}"])
    storage, committee = settings.storage, open_committee(settings.storage, settings.fairness.release, lambda: now)
    standings = Standings(settings.fairness, keys_dir=storage.keys, committee=committee, now=lambda: now)
    store = AuditStore(storage.reports / REPORTS)
    return standings, FairnessDesk(store, committee, standings, keys_dir=storage.keys, now=lambda: now)


@pytest.fixture
def serving_settings() -> ServingSettings:
    return load_settings("test").serving


@pytest.fixture
def shop(tmp_path: Path, serving_settings: ServingSettings) -> Iterator[Shop]:
    """A service with the small model loaded."""
    keys_dir, bundles_dir = tmp_path / "keys", tmp_path / "bundles"
    pointer = bundles_dir / "two-tower" / "champion.json"
    pointer.parent.mkdir(parents=True)
    pointer.write_text("{}")
    engine = open_state(tmp_path / "state.db")
    consent, features, sink = ConsentLedger(engine), FakeFeatures(), FakeSink()
    pseudonyms = Pseudonymizer({1: bytes(32)}, 1)
    write_secret(keys_dir / "pseudonym_v1.key", bytes(32))
    at_home = load_settings("test", [f"storage.root={tmp_path}"])
    erasures = erasures_of(at_home, engine, lambda: NOW)
    decisions = DecisionLog(engine, serving_settings.decisions)
    bundles = BundleHolder(name="two-tower", pointer=pointer, load=champion, retry_after_s=30)
    bundles.refresh()
    stock, settings = Stock(tmp_path / "lake"), serving_settings.recommend
    standings, fairness = ethics_of(tmp_path, NOW)
    services = Services(
        settings=serving_settings,
        limits=limits_from(serving_settings),
        keys=load_keys(keys_dir, create=True),
        bundles=bundles,
        holders={"two-tower": bundles},
        recommender=Recommender(
            consent=consent,
            features=features,
            pseudonyms=pseudonyms,
            stock=stock,
            decisions=decisions,
            settings=settings,
            experiments=RunningExperiments((), "UTC", lambda: NOW),
            now=lambda: NOW,
        ),
        similar=SimilarProducts(stock=stock, decisions=decisions, settings=settings, now=lambda: NOW),
        events=EventDoor(
            sink=sink,
            pseudonyms=pseudonyms,
            settings=serving_settings.events,
            retry_after_s=30,
            now=lambda: NOW,
            erased=erasures.tombstones.of_sources,
        ),
        decisions=decisions,
        models=ModelShelf(bundles_dir, {"two-tower": bundles}, standings),
        pricing=build_pricing(
            load_settings("test").pricing,
            engine=engine,
            decisions=decisions,
            desk=cast("Any", BundleHolder(name="demand", pointer=pointer, load=champion, retry_after_s=30).champion),
            advisor=Advisor(load_settings("test").pricing, currency=serving_settings.currency),
            currency=serving_settings.currency,
            personal_data_used=(),
            horizon_weeks=4,
            now=lambda: NOW,
            data_now=lambda: NOW,
        ),
        fairness=fairness,
        budget=BudgetDesk(
            LedgerBook(engine, tmp_path / WITNESS), load_settings("test").privacy.budget, now=lambda: NOW
        ),
        consents=ConsentDesk(
            ledger=consent, pseudonyms=pseudonyms, now=lambda: NOW, erased=erasures.tombstones.of_sources
        ),
        customers=CustomerDesk(
            erasures,
            bundles_dir=bundles_dir,
            audit_log=AuditLog(tmp_path / "vault" / "access.jsonl"),
            retry_s=0.1,
            now=lambda: NOW,
        ),
        freshness=Freshness(at_home.storage, ["two-tower"], Clock("wall", at_home.storage.feast), lambda: NOW),
        state=engine,
    )
    yield Shop(
        services=services,
        keys=read_plain_keys(keys_dir),
        consent=consent,
        pseudonyms=pseudonyms,
        features=features,
        sink=sink,
        pointer=pointer,
        bundles=bundles_dir,
        lake=tmp_path / "lake",
    )
    services.close()


@pytest.fixture
def file_report(tmp_path: Path, passing: Callable[..., Report]) -> Callable[..., str]:
    """Puts the signed report of an audit of two-tower 3 where the shop looks; a measure can be made to fail."""
    settings = load_settings("test", [f"storage.root={tmp_path}"])
    signer = load_signer(settings.storage.keys, AUDIT_KEYS, create=True)

    def filed(*, failing: str | None = None, version: str = "3", page: str = PAGE_HTML, **changes: Any) -> str:
        report = passing("two-tower", version, "b" * 64, settings, **{"created_at": NOW, **changes})
        if failing is not None:
            bad = [one.model_copy(update={"verdict": "FAIL"}) if one.key == failing else one for one in report.measures]
            report = report.model_copy(update={"measures": tuple(bad), "verdict": "FAIL", "reasons": ("it failed",)})
        notice = page.replace("report", "notice")
        signature = sign_report(report, signer, report.created_at, {PAGE: page, NOTICE: notice})
        store = AuditStore(settings.storage.reports / REPORTS)
        store.add(report, signature, page=page, notice=notice)
        return report.report_id

    return filed


@pytest.fixture
def at(shop: Shop, tmp_path: Path) -> Callable[[datetime], Shop]:
    """Gives the same house with the committee's desk as another process, started at some time, would open it."""
    return lambda now: replace(shop, services=replace(shop.services, fairness=ethics_of(tmp_path, now)[1]))
