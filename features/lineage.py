"""Where features come from: every column of the lake that can move a value, found in the expressions themselves.

A column counts when a value is computed from it, and as much when it decides which rows there are or which meet:
filters, join keys, group keys, windows, orders and limits. What is not understood counts whole.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir

from configs.settings import FeatureSettings
from features import columns
from features.build_prices import LAKE_TABLES
from features.coercion import ARROW_TYPES
from features.contracts import CONTRACTS, describes_a_person
from features.errors import LineageUnknown
from features.pipelines.prices import price_views
from features.pipelines.purchases import merchandise_lines
from features.pipelines.snapshots import Reduced, snapshot_views
from features.price_views import build_price_views
from features.services import PRICE_V1, build_services
from features.views import build_views

Column = tuple[str, str]  # table of the lake and its column
Columns = frozenset[Column]

ANY_ROW: Final = "*"  # stands for a table's rows where none of its columns is read

# Windows, caps and moments change values and rows, never the columns they come from: any will do.
_SOME_ZONE: Final = "UTC"
_SOME_MOMENT: Final = datetime(2000, 1, 1, tzinfo=UTC)
_SOME_WINDOWS: Final = FeatureSettings(
    snapshot_step_days=1,
    n_training_snapshots=1,
    history_length=1,
    session_length=1,
    half_life_short_days=1,
    half_life_long_days=1,
    popularity_days=1,
    price_window_days=1,
    online_ttl_days=1,
    clock="wall",
)
_NOWHERE: Final = Path("/")


def lake_tables() -> dict[str, ir.Table]:
    """Give the contracts of the lake as tables without rows, for expressions that are looked at and never run."""
    return {
        name: ibis.table(ibis.schema({column: _type(kind) for column, kind in contract.kinds.items()}), name=name)
        for name, contract in CONTRACTS.items()
    }


def service_lineage(service: str = PRICE_V1) -> dict[str, dict[str, Columns]]:
    """Trace the features of a service down to the lake: columns by view and feature, join keys and time included.

    Raises:
        LineageUnknown: If the service, or one of its features, is computed by an expression that is not known here.
    """
    services = vars(build_services(build_views(_NOWHERE), build_price_views(_NOWHERE))).values()
    projections = [part for known in services if known.name == service for part in known.feature_view_projections]
    if not projections:
        raise LineageUnknown(service=service, view="no view", missing=[])
    expressions = _expressions()
    lineage = {}
    for part in projections:
        if part.name not in expressions:
            raise LineageUnknown(service=service, view=part.name, missing=[])
        traced = table_lineage(expressions[part.name])
        missing = [field.name for field in part.features if field.name not in traced]
        if missing:
            raise LineageUnknown(service=service, view=part.name, missing=missing)
        lineage[part.name] = traced
    return lineage


def personal_data_used(service: str = PRICE_V1) -> tuple[str, ...]:
    """Name the columns about people that a service's features come from, as `table.column`; none is the aim.

    Raises:
        LineageUnknown: If the lineage of the service is not known.
    """
    return personal_columns(service_lineage(service))


def personal_columns(lineage: Mapping[str, Mapping[str, Columns]]) -> tuple[str, ...]:
    """Name the columns about people in a lineage, in order."""
    traced = {column for features in lineage.values() for columns in features.values() for column in columns}
    return tuple(sorted(f"{table}.{column}" for table, column in traced if _is_personal(table, column)))


def _expressions() -> dict[str, ir.Table]:
    """Give the expression of every view there is, over contracts without rows."""
    tables = lake_tables()
    lines = merchandise_lines(tables[columns.TRANSACTIONS], tables[columns.PRODUCTS])
    customers = snapshot_views(Reduced.of(tables[columns.PRODUCTS], lines), _SOME_MOMENT, _SOME_WINDOWS)
    return customers | price_views({name: tables[name] for name in LAKE_TABLES}, _SOME_ZONE)


def table_lineage(rows: ir.Table) -> dict[str, Columns]:
    """Trace each column of an expression to the columns of the lake that can move it."""
    tracer = _Tracer()
    return {name: tracer.column(rows.op(), name) for name in rows.columns}


def _type(kind: Any) -> Any:
    return ibis.dtype(ARROW_TYPES[kind])


def _is_personal(table: str, column: str) -> bool:
    if column != ANY_ROW:
        return describes_a_person(table, column)
    contract = CONTRACTS.get(table)
    return contract is None or contract.personal >= set(contract.kinds)  # rows that are about people


class _Tracer:
    """Walks from columns to the tables they come from; each step is walked once."""

    def __init__(self) -> None:
        self._columns: dict[tuple[ops.Relation, str], Columns] = {}
        self._rows: dict[ops.Relation, Columns] = {}

    def column(self, relation: ops.Relation, name: str) -> Columns:
        """Trace one column of a relation, and which rows the relation has."""
        key = (relation, name)
        if key not in self._columns:
            self._columns[key] = self._source(relation, name) | self.rows(relation)
        return self._columns[key]

    def rows(self, relation: ops.Relation) -> Columns:
        """Trace what decides which rows a relation has: its own conditions and those of everything below it."""
        if relation not in self._rows:
            self._rows[relation] = self._deciding(relation)
        return self._rows[relation]

    def _source(self, relation: ops.Relation, name: str) -> Columns:
        if isinstance(relation, ops.UnboundTable | ops.DatabaseTable):
            return frozenset({(relation.name, name)})
        if isinstance(relation, ops.Set):
            return self.column(relation.left, name) | self.column(relation.right, name)
        values = getattr(relation, "values", {})
        if name in values:
            return self._value(values[name])
        return self._everything(relation)

    def _deciding(self, relation: ops.Relation) -> Columns:
        if isinstance(relation, ops.UnboundTable | ops.DatabaseTable):
            return frozenset({(relation.name, ANY_ROW)})
        if isinstance(relation, ops.Project | ops.Reference):
            # An unnested value makes rows of its own, so the values that hold one decide as well.
            values = getattr(relation, "values", {}).values() if isinstance(relation, ops.Project) else ()
            unnested = [value for value in values if value.find(ops.Unnest)]
            return self.rows(relation.parent).union(*(self._value(value) for value in unnested))
        if isinstance(relation, ops.Filter):
            return self.rows(relation.parent).union(*(self._value(value) for value in relation.predicates))
        if isinstance(relation, ops.Aggregate):
            return self.rows(relation.parent).union(*(self._value(value) for value in relation.groups.values()))
        if isinstance(relation, ops.JoinChain):
            conditions = [self._value(value) for link in relation.rest for value in link.predicates]
            joined = [self.rows(link.table) for link in relation.rest]
            return self.rows(relation.first).union(*conditions, *joined)
        return self._everything(relation)  # distinct rows, unions, orders, limits, and whatever is not known

    def _everything(self, relation: ops.Relation) -> Columns:
        """Trace every column and condition below a relation."""
        found: Columns = frozenset()
        for part in relation.__children__:
            if isinstance(part, ops.Relation):
                found = found.union(self.rows(part), *(self.column(part, name) for name in part.schema.names))
            else:
                found |= self._value(part)
        return found

    def _value(self, node: Any) -> Columns:
        if isinstance(node, ops.Field):
            return self.column(node.rel, node.name)
        if isinstance(node, ops.Relation):  # a subquery: its rows and all it gives
            return self.rows(node).union(*(self.column(node, name) for name in node.schema.names))
        return frozenset().union(*(self._value(part) for part in node.__children__))
