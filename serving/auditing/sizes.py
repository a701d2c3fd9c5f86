"""Numbers of customers for the public notice of an audit: with noise, kept, and charged to the privacy ledger."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from configs.settings import Settings
from fairness.groups import Grouping, unusable
from fairness.notice import Sizes
from fairness.policy import Policy
from privacy.counting.questions import one_form
from privacy.counting.small_counts import Question, SmallCounts, Table
from privacy.errors import BudgetExceeded
from privacy.ledger import open_ledger
from privacy.state import open_state
from training.two_tower.private_charge import LINEAGE

_WHAT: Final = "customers by group, for the notice of an audit"


def released_sizes(
    groupings: Sequence[Grouping],
    policy: Policy,
    settings: Settings,
    *,
    snapshot_digest: str,
    window: tuple[datetime, datetime],
    progress: Callable[[str], None],
) -> Sizes | None:
    """Count the customers of each attribute's groups for people outside the audit role.

    The same data are counted once: an audit of another version, or a repeat, shows the numbers on file. The groups of
    one attribute cost as much as one count, since nobody is in two of them.

    Args:
        groupings: Of the customers that the audit looked at, one per attribute.
        policy: That of the model.
        settings: All sections.
        snapshot_digest: Of the lake.
        window: What the audit looked at.
        progress: Told when nothing can be shown.

    Returns:
        The numbers; None where no attribute has groups, or the ledger does not allow them: the audit goes on.

    Raises:
        LedgerBroken, ClockMovedBack: If the ledger cannot be trusted.
    """
    usable = [grouping for grouping in groupings if unusable(grouping, policy.statistics) is None]
    if not usable:
        return None
    scope = {"model": policy.model, "snapshot": snapshot_digest, "window": " to ".join(map(str, window))}
    tables = [_table(grouping, policy, scope) for grouping in usable]
    noise = settings.privacy.small_counts
    engine = open_state(settings.storage.state_db)
    try:
        counts = SmallCounts(engine, open_ledger(settings.storage, settings.privacy.budget), noise)
        told = counts.tables(tables)
    except BudgetExceeded as refused:
        progress(f"notice: it shows no numbers of customers, since the privacy budget does not allow them: {refused}")
        return None
    finally:
        engine.dispose()
    groups = {
        grouping.attribute: {cell: noisy.value for cell, noisy in table.items()}
        for grouping, table in zip(usable, told, strict=True)
    }
    cells = [noisy for table in told for noisy in table.values()]
    return Sizes(groups, max(cell.half_width_95 for cell in cells), max(cell.epsilon for cell in cells))


def _table(grouping: Grouping, policy: Policy, scope: dict[str, str]) -> Table:
    defined = {one.name: one.model_dump(mode="json") for one in policy.settings.attributes}
    parts = {**scope, "attribute": one_form(defined.get(grouping.attribute, {"name": grouping.attribute}))}
    counted = dict(zip(grouping.labels, (int(n) for n in grouping.counts), strict=True))
    return Table(Question(_WHAT, LINEAGE, parts), grouping.labels, lambda: counted)
