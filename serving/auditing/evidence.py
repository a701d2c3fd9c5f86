"""What the audit of one model hands over to its report."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from fairness.audit import Findings
from fairness.groups import Grouping
from fairness.invariants import lineage_invariant
from fairness.measures import Measure
from features.lineage import personal_columns, service_lineage


@dataclass(frozen=True, eq=False)
class Evidence:
    """Findings, and whom and when they are about.

    Attributes:
        findings: What was measured.
        groupings: Who belongs where.
        n_customers: Customers looked at.
        window: First moment looked at, and first moment no longer looked at.
    """

    findings: Findings
    groupings: Sequence[Grouping]
    n_customers: int
    window: tuple[datetime, datetime]


def lineage_of(services: Collection[str], sensitive: Collection[str], *, prices: Collection[str]) -> Measure:
    """Follow every feature of a model's services to its columns.

    Args:
        services: All feature services of the model.
        sensitive: Names of the sensitive attributes.
        prices: Those of the services that prices are made from.
    """
    lineages = {service: service_lineage(service) for service in services}
    personal = {service: personal_columns(lineage) for service, lineage in lineages.items()}
    return lineage_invariant(lineages, sensitive, prices, personal)
