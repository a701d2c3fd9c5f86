"""A made-up but plausible audit of a recommender, for tests of what is done with reports."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from configs.fairness import StatisticsSettings
from configs.settings import Settings
from fairness.audit_store import REPORTS, AuditStore, attach
from fairness.clearance import Clearance, require_clearance
from fairness.committee import Committee, open_committee
from fairness.errors import ClearanceLapsed, ClearanceRefused
from fairness.measures import UNKNOWN, Contrast, Definition, Family, GroupResult, Measure, Verdict
from fairness.policy import Policy
from fairness.report import DataReference, ModelReference, Report, TradeOffPoint, new_report
from fairness.signing import AUDIT_KEYS, load_signer, sign_report

NOW: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
BUNDLE_DIGEST: Final = "b" * 64
POLICY_DIGEST: Final = "c" * 64
SNAPSHOT_DIGEST: Final = "d" * 64

GROUPS: Final = {
    "income": {"under 35K": 212, "35-74K": 331, "75K and over": 258, UNKNOWN: 1172},
    "age": {"19-34": 142, "35-54": 412, "55 and over": 247, UNKNOWN: 1172},
    "household_comp": {"1 Adult Kids": 44, "1 Adult No Kids": 190, "2 Adults Kids": 187, UNKNOWN: 1172},
    "supplier_class": {"small": 1904, "large": 812, "private_label": 3120},
}

DEFINITIONS: Final = (
    Definition(
        "recommendations",
        "ndcg_at_10_all",
        "Quality of the list",
        "How well the ten products at the top match "
        "what the customer then bought. It says nothing of products never shown.",
        "NDCG",
        1,
        "ratio",
        "Järvelin and Kekäläinen (2002)",
    ),
    Definition(
        "recommendations",
        "ndcg_at_10_novel",
        "Quality of the list, new products",
        "The same among products that the customer never bought before.",
        "NDCG",
        1,
        "ratio",
        "Järvelin and Kekäläinen (2002)",
    ),
    Definition(
        "recommendations",
        "hit_rate_at_10_all",
        "Lists with a hit",
        "Share of customers who bought at least one of the ten.",
        "share",
        1,
        "ratio",
        "Deshpande and Karypis (2004)",
    ),
    Definition(
        "recommendations",
        "popularity_lift_all",
        "Push towards best sellers",
        "How much more popular the list is than the customer's own past.",
        "share",
        0,
        "difference",
        "Abdollahpouri et al. (2019)",
    ),
    Definition(
        "recommendations",
        "small_supplier_exposure_all",
        "Room for small makers",
        "Places given to small makers over the demand they have. 1 is even.",
        "ratio",
        1,
        "ratio",
        "Singh and Joachims (2018)",
        reference="ideal",
        side="low",
    ),
    Definition(
        "recommendations",
        "private_label_exposure_all",
        "Room for the shop's own brands",
        "Places given to own brands over the demand they have. 1 is even.",
        "ratio",
        1,
        "difference",
        "Singh and Joachims (2018)",
        reference="ideal",
    ),
    Definition(
        "prices",
        "discount_depth",
        "How deep discounts are",
        "Loyalty discount as a share of the shelf price.",
        "share",
        1,
        "ratio",
        "Kallus and Zhou (2021)",
    ),
    Definition(
        "prices",
        "paid_over_shelf",
        "What is paid of the shelf price",
        "Money paid over the shelf price.",
        "share",
        1,
        "ratio",
        "Kallus and Zhou (2021)",
        more_is_better=False,
    ),
    Definition(
        "segments",
        "selection_rate_type_a",
        "Chosen for a campaign of type A",
        "Share of customers with at least one such campaign.",
        "share",
        1,
        "ratio",
        "EEOC Uniform Guidelines (1978), by analogy",
    ),
    Definition(
        "segments",
        "selection_rate_type_b",
        "Chosen for a campaign of type B",
        "Share of customers with at least one such campaign.",
        "share",
        1,
        "ratio",
        "EEOC Uniform Guidelines (1978), by analogy",
    ),
    Definition(
        "segments",
        "money_per_head",
        "Money per head",
        "Discount that campaigns gave.",
        "USD per head",
        1,
        "ratio",
        "Kallus and Zhou (2021)",
    ),
    Definition(
        "proxies",
        "proxy_auc_inputs",
        "Told from what the model is given",
        "How well the attribute can be told from the model's inputs; 50% is a coin.",
        "AUC",
        0.5,
        "difference",
        "Feldman et al. (2015)",
        reference="ideal",
        side="high",
        more_is_better=False,
    ),
)

_LEVELS: Final = {"NDCG": 0.3, "share": 0.2, "ratio": 0.8, "USD per head": 9.0, "AUC": 0.62}
_RULES: Final = {
    "no_sensitive_lineage": "No column of any feature service comes from a sensitive attribute.",
    "audited_this_bundle": "The audit read the very files that would be served.",
}
_PRIMARY: Final = {("ndcg_at_10_all", attribute) for attribute in ("income", "age", "household_comp")} | {
    ("small_supplier_exposure_all", "supplier_class"),
    ("private_label_exposure_all", "supplier_class"),
}


def made_groups(definition: Definition, attribute: str, seed: int) -> tuple[GroupResult, ...]:
    """Draw figures for each group, one of them suppressed where the attribute has kids in it."""
    rng = np.random.default_rng(seed)
    groups = []
    for place, (group, n) in enumerate(GROUPS[attribute].items()):
        value = round(float(_LEVELS[definition.unit] * rng.uniform(0.9, 1.1)), 4)
        half = round(value / n**0.5, 4)
        groups.append(
            GroupResult(
                group=group,
                n=n,
                events=None if definition.unit == "AUC" else 3 * n,
                value=value,
                interval_95=(value - half, value + half),
                bounds=(value * 0.7, value * 1.2) if place == 0 else None,
            )
        )
    if attribute == "household_comp" and definition.measure == "money_per_head":
        for place in (0, 1):
            groups[place] = GroupResult(
                group=groups[place].group, n=None, events=None, value=None, interval_95=None, suppressed=True
            )
    return tuple(groups)


def made_contrast(definition: Definition, groups: tuple[GroupResult, ...], seed: int) -> Contrast:
    """Compare the groups whose value is known, as the definition says."""
    known = {group.group: group.value for group in groups if group.value is not None and group.group != UNKNOWN}
    order = sorted(known, key=lambda name: known[name], reverse=not definition.more_is_better)
    worst, best = order[0], order[-1] if definition.reference == "groups" else f"the ideal of {definition.ideal:g}"
    low, high = known[worst], known.get(best, definition.ideal)
    value = min(low, high) / max(low, high) if definition.kind == "ratio" else abs(high - low)
    p_value = round(float(np.random.default_rng(seed).uniform(0.02, 0.9)), 4)
    return Contrast(
        kind=definition.kind,
        worst_group=worst,
        best_group=best,
        value=round(value, 4),
        interval_95=(round(value * 0.94, 4), round(value * 1.05, 4)),
        p_value=p_value,
        p_adjusted=min(1.0, p_value * 5),
        minimum_detectable=0.82 if definition.kind == "ratio" else 0.04,
    )


def made_margin(contrast: Contrast, verdict: Verdict) -> float:
    """Set the margin where the verdict follows from the interval."""
    low, high = contrast.interval_95 or (0.0, 0.0)
    room = {"PASS": 0.05, "INSUFFICIENT": (low - high) / 2, "FAIL": low - high - 0.01}[verdict]
    return round(low - room if contrast.kind == "ratio" else high + room, 4)


def made_measure(definition: Definition, attribute: str, seed: int) -> Measure:
    """Judge one definition by one attribute on made-up figures."""
    groups = made_groups(definition, attribute, seed)
    if sum(group.suppressed for group in groups):
        return Measure(
            surface=definition.surface,
            measure=definition.measure,
            attribute=attribute,
            family="exploratory",
            unit=definition.unit,
            ideal=definition.ideal,
            groups=groups,
            contrast=None,
            margin=0.8,
            verdict="INSUFFICIENT",
            note="Two groups are too small to be shown, so nothing can be compared.",
        )
    contrast = made_contrast(definition, groups, seed)
    family: Family = "primary" if (definition.measure, attribute) in _PRIMARY else "exploratory"
    verdict: Verdict = "PASS" if family == "primary" else ("PASS", "INSUFFICIENT", "FAIL")[seed % 3]
    notes = {"INSUFFICIENT": "The interval reaches across the margin.", "PASS": "", "FAIL": ""}
    margin = made_margin(contrast, verdict)
    return Measure(
        surface=definition.surface,
        measure=definition.measure,
        attribute=attribute,
        family=family,
        unit=definition.unit,
        ideal=definition.ideal,
        groups=groups,
        contrast=contrast,
        margin=margin,
        verdict=verdict,
        note=notes[verdict],
    )


def made_rule(name: str, note: str) -> Measure:
    """A hard rule that holds."""
    return Measure(
        surface="proxies",
        measure=name,
        attribute=None,
        family="invariant",
        unit="columns",
        ideal=0,
        groups=(),
        contrast=None,
        margin=None,
        verdict="PASS",
        note=note,
    )


def made_measures() -> tuple[Measure, ...]:
    """About forty measures on four surfaces, two hard rules among them."""
    judged = [made_rule(name, note) for name, note in _RULES.items()]
    for definition in DEFINITIONS:
        exposure = "exposure" in definition.measure
        attributes = ["supplier_class"] if exposure else ["income", "age", "household_comp"]
        judged += [
            made_measure(definition, attribute, len(judged) + place) for place, attribute in enumerate(attributes)
        ]
    return tuple(judged)


def made_trade_off() -> tuple[TradeOffPoint, ...]:
    """Five strengths by two tasks; quality falls a little as exposure rises."""
    return tuple(
        TradeOffPoint(
            strength=strength,
            task=task,
            ndcg_at_10=round(base - cost * strength**2, 4),
            ndcg_change=round(-cost * strength**2, 4),
            interval=(round(-cost * strength**2 - 0.003, 4), round(-cost * strength**2 + 0.002, 4)),
            small_supplier_exposure=round(0.18 + 0.42 * strength, 3),
            private_label_exposure=round(1.35 - 0.3 * strength, 3),
        )
        for task, base, cost in (("all", 0.312, 0.012), ("novel", 0.071, 0.004))
        for strength in (0.0, 0.25, 0.5, 0.75, 1.0)
    )


MODEL_CARD: Final = """# two-tower 12

What customers will buy next, from what they bought before.

| figure | value |
|---|---|
| NDCG@10 | 0.312 |

- not for: prices, credit, employment
"""


def make_report(**changes: Any) -> Report:
    """Put a report together that passes; named fields of `new_report` are replaced."""
    statistics = StatisticsSettings(
        n_draws=2000,
        confidence=0.95,
        alpha=0.05,
        power=0.8,
        min_cell=10,
        min_n=30,
        min_events=10,
        max_levels=20,
        seed=20,
    )
    fields: dict[str, Any] = {
        "kind": "release",
        "model": ModelReference(name="two-tower", version="12", bundle_digest=BUNDLE_DIGEST),
        "policy_digest": POLICY_DIGEST,
        "statistics": statistics,
        "data": DataReference(
            snapshot_digest=SNAPSHOT_DIGEST,
            window_start=NOW - timedelta(days=28),
            window_end=NOW,
            n_customers=1973,
            n_unknown=1172,
        ),
        "verdict": "PASS",
        "measures": made_measures(),
        "definitions": DEFINITIONS,
        "waived": (),
        "not_examined": ("Gender and ethnicity: the data does not hold them.",),
        "provenance": "Made up for tests; simulated, not observed.",
        "model_card": MODEL_CARD,
        "trade_off": made_trade_off(),
        "previous": None,
        "code_commit": "0123456789abcdef0123456789abcdef01234567",
        "now": NOW,
    }
    return new_report(**(fields | changes))


@pytest.fixture(scope="session")
def report_maker() -> Callable[..., Report]:
    """Makes a report that passes, with any field of `new_report` replaced."""
    return make_report


@pytest.fixture(scope="session")
def made_report() -> Report:
    """A release report of two-tower 12 that passes: about forty measures, five of which decide, two hard rules."""
    return make_report()


@dataclass
class House:
    """A house with one bundle, whose evidence may be tampered with."""

    settings: Settings
    bundle: Path
    passing: Callable[..., Report]
    name: str = "two-tower"
    version: str = "3"
    n_made: list[int] = field(default_factory=lambda: [0])
    now: datetime = NOW

    def report(self, verdicts: dict[str, str] | None = None, **changes: Any) -> Report:
        """Make a report of the bundle with some verdicts changed."""
        self.n_made[0] += 1
        report = self.passing(self.name, self.version, BUNDLE_DIGEST, self.settings, created_at=NOW)
        verdicts = verdicts or {}
        measures = tuple(
            one.model_copy(update={"verdict": verdicts.get(one.key, one.verdict)}) for one in report.measures
        )
        worst = "FAIL" if "FAIL" in verdicts.values() else "INSUFFICIENT" if verdicts else "PASS"
        made = {"report_id": f"fr_{self.n_made[0]:024x}", "measures": measures, "verdict": worst}
        return report.model_copy(update={**made, **changes})

    def audited(self, report: Report, signed_at: datetime = NOW) -> Report:
        """Sign a report with the auditor's key, keep it and lay it beside the bundle."""
        signature = sign_report(report, load_signer(self.settings.storage.keys, AUDIT_KEYS, create=True), signed_at)
        store = AuditStore(self.settings.storage.reports / REPORTS)
        store.add(report, signature, page="", notice="")
        attach(self.bundle, store.open(report.report_id))
        return report

    def committee(self, at: datetime = NOW) -> Committee:
        """Open the committee's book."""
        return open_committee(self.settings.storage, self.settings.fairness.release, lambda: at)

    def waive(self, report: Report, attribute: str = "income", days: float = 30, approver: str = "bert") -> str:
        """Have a failure of group a waived."""
        waiver = self.committee().request_waiver(
            report.report_id,
            measure="ndcg_at_10_all",
            attribute=attribute,
            group="a",
            reason="r",
            mitigation="m",
            expires_at=NOW + timedelta(days=days),
            author="anna",
        )
        if approver:
            self.committee().approve_waiver(waiver.waiver_id, approver=approver)
        return str(waiver.waiver_id)

    def clear(self, *, at: datetime = NOW, settings: Settings | None = None, **asked: Any) -> Clearance:
        """Ask for the clearance."""
        exact = {"name": self.name, "version": self.version, "bundle_digest": BUNDLE_DIGEST}
        return require_clearance(
            self.bundle,
            policy=Policy((settings or self.settings).fairness, self.name),
            keys_dir=self.settings.storage.keys,
            committee=self.committee(at),
            now=at,
            **{**exact, **asked},
        )

    def reasons(self, **asked: Any) -> str:
        """Ask for the clearance and be refused."""
        with pytest.raises(ClearanceRefused) as refused:
            self.clear(**asked)
        assert refused.value.bundle_digest == asked.get("bundle_digest", BUNDLE_DIGEST)
        return "\n".join(refused.value.reasons)

    def lapses(self, **asked: Any) -> str:
        """Ask for the clearance and be told that it is over."""
        with pytest.raises(ClearanceLapsed) as lapsed:
            self.clear(**asked)
        return "\n".join(lapsed.value.reasons)

    def __call__(self, **changes: Any) -> "House":
        """Give another house over the same disk."""
        return replace(self, **changes)

    def rewrite(self, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Edit one of the files beside the bundle, in its canonical form."""
        path = self.bundle / "audit" / name
        content = json.loads(path.read_bytes())
        change(content)
        path.write_bytes(json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


@pytest.fixture
def house(settings: Settings, tmp_path: Path, passing: Callable[..., Report]) -> House:
    """A house whose bundle has no report yet."""
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    return House(settings, bundle, passing)
