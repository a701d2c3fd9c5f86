"""The feature store: training rows as of a moment, and the newest row of one customer."""

import atexit
import contextlib
import copy
import io
import sqlite3
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from feast import FeatureStore, FeatureView, FileSource, RepoConfig
from feast.errors import FeastObjectNotFoundException
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import compute_table_id
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from features import columns
from features.build_record import update_record
from features.errors import NothingAsked, OnlineStoreUnready, PriceTableMissing, RowCountChanged, SnapshotMissing
from features.locks import held
from features.services import build_objects
from features.tables import CUSTOMER_HISTORY, CUSTOMER_PROFILE, price_tables, snapshot_path, snapshots
from features.views import CUSTOMER_EVENTS

# Feast turns deprecation warnings back on; this one is between ibis and duckdb and tells a user nothing.
warnings.filterwarnings("ignore", message=r"fetch_arrow_table\(\) is deprecated", category=DeprecationWarning)

ONLINE_VIEWS: Final = (CUSTOMER_HISTORY, CUSTOMER_PROFILE)

_ROW: Final = "__row__"
_DEFINITIONS: Final = Path(__file__).with_name("feature_store.yaml")


class Store:
    """Feast behind five verbs: apply, historical, table, materialize, online_customer; push_history keeps rows fresh.

    One store may be used by many threads, and its folder by many processes.

    Args:
        feast_dir: Folder of the registry, the online store and the feature tables.
        now: Gives the current data time; together with `ttl_days` it makes rows that are too old count as absent.
        ttl_days: Oldest age of an online row in days; None never lets one expire.
    """

    def __init__(
        self, feast_dir: Path, *, now: Callable[[], datetime] | None = None, ttl_days: int | None = None
    ) -> None:
        self._dir = feast_dir.resolve()
        self._tables_dir = self._dir / "tables"
        self._now = now
        self._ttl = None if ttl_days is None else timedelta(days=ttl_days)
        self._lock = threading.RLock()  # Feast shares one SQLite connection: a reader must not see half a write
        self._opened: FeatureStore | None = None
        self._views: dict[str, FeatureView] = {}

    def apply(self) -> None:
        """Write the definitions to the registry and make the online tables; doing it again changes nothing."""
        self._dir.mkdir(parents=True, exist_ok=True)
        with self.exclusive(), self._lock:  # in this order, as EventRecorder takes them
            definitions: Any = build_objects(self._tables_dir)
            self._feast().apply(definitions)
            self._views.clear()
            with contextlib.closing(sqlite3.connect(self._online_path)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")  # readers go on while a snapshot is written

    def historical(self, entities: pd.DataFrame, service: str) -> pa.Table:
        """Join a feature service to rows of ids and times, each row seeing only what was known at its time.

        Args:
            entities: One row per answer wanted: the join key, `event_timestamp` (aware), and any other columns.
            service: Name of a feature service.

        Returns:
            The same rows in the same order with the service's features added; null where nothing was known.

        Raises:
            NothingAsked: If `entities` is empty.
            OnlineStoreUnready: If the definitions were never applied.
            SnapshotMissing: If a view of the service has no snapshot at all.
            RowCountChanged: If the join dropped or doubled a row.
        """
        if entities.empty:
            raise NothingAsked(service=service)
        with self._lock:
            registered = self._registered(lambda: self._feast().get_feature_service(service))
            projections = registered.feature_view_projections
            references = [f"{part.name}:{field.name}" for part in projections for field in part.features]
            views = [self._view(part.name) for part in projections]
            numbered = entities.assign(**{_ROW: np.arange(len(entities))})
            parts = [
                self._join(rows, [self._narrowed(view, moment) for view in views], references)
                for moment, rows in self._by_snapshot(numbered, views)
            ]
        return _in_order(pa.concat_tables(parts), n_asked=len(entities), service=service)

    def table(self, view: str) -> pa.Table:
        """Read a whole price view: its join keys, its features and `event_timestamp`.

        Raises:
            OnlineStoreUnready: If the definitions were never applied.
            PriceTableMissing: If its table was not built.
        """
        with self._lock:
            definition = self._view(view)
            paths = price_tables(self._tables_dir, view)
            if not paths:
                raise PriceTableMissing(view=view, folder=self._tables_dir)
            source = _of_one_file(definition, paths[-1])
            _use_utc()
            feast: Any = self._feast()
            names = [field.name for field in definition.features]
            job = feast.provider.offline_store.pull_all_from_table_or_query(
                feast.config, source, definition.join_keys, names, source.timestamp_field
            )
            rows: pa.Table = job.to_arrow()
        return rows

    def materialize(self, as_of: datetime) -> None:
        """Put one snapshot into the online store and note in `build.json` when that was.

        Events folded in since an earlier snapshot are overwritten: fold them again with `EventRecorder.recover`.
        Customers whom the snapshot no longer holds are removed.

        Raises:
            SnapshotMissing: If the snapshot was not built.
        """
        paths = [self._existing_snapshot(view, as_of) for view in ONLINE_VIEWS]
        with self.exclusive(), self._lock:
            _use_utc()
            with contextlib.redirect_stdout(io.StringIO()):  # Feast prints; standard output belongs to the command
                self._feast().materialize(as_of, as_of, feature_views=list(ONLINE_VIEWS))
            for view, path in zip(ONLINE_VIEWS, paths, strict=True):
                self._remove_absent(view, path)
            update_record(self._dir, as_of=as_of, materialised_at=datetime.now(UTC))

    def online_customer(self, customer_id: str) -> dict[str, Any] | None:
        """Read the newest history and profile of one customer by plain feature names.

        Returns:
            The features, those of a view that does not know the customer as None; None when no view does or when
            the row is older than the time to live. A customer known from events alone has no profile.

        Raises:
            OnlineStoreUnready: If the definitions were never applied.
        """
        with self._lock:
            parts = {name: self._online_row(name, customer_id) for name in ONLINE_VIEWS}
            unknown = {name: dict.fromkeys(field.name for field in self._view(name).features) for name in ONLINE_VIEWS}
        if all(part is None for part in parts.values()):
            return None
        row = {key: value for name, part in parts.items() for key, value in (part or unknown[name]).items()}
        return None if self._expired(row["as_of_epoch_s"]) else row

    def online_history(self, customer_id: str) -> dict[str, Any] | None:
        """Read the newest history of one customer however old it is; None for somebody unknown.

        Raises:
            OnlineStoreUnready: If the definitions were never applied.
        """
        with self._lock:
            return self._online_row(CUSTOMER_HISTORY, customer_id)

    def push_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Replace the online history of customers through the push source.

        Args:
            rows: Every feature of `customer_history`, with customer_id and event_timestamp.
        """
        if not rows:
            return
        with self._lock:
            self._feast().push(CUSTOMER_EVENTS, pd.DataFrame(list(rows)))

    def exclusive(self) -> contextlib.AbstractContextManager[None]:
        """Keep every other thread and process from changing online rows meanwhile; reading goes on."""
        return held(self._dir / ".online.lock")

    @property
    def _registry_path(self) -> Path:
        return self._dir / "registry.db"

    @property
    def _online_path(self) -> Path:
        return self._dir / "online.db"

    def _feast(self) -> FeatureStore:
        if self._opened is None:
            settings = yaml.safe_load(_DEFINITIONS.read_text(encoding="utf-8"))
            settings["registry"]["path"] = str(self._registry_path)
            settings["online_store"]["path"] = str(self._online_path)
            self._opened = FeatureStore(config=RepoConfig(**settings, repo_path=self._dir))
        return self._opened

    def _view(self, name: str) -> FeatureView:
        if name not in self._views:
            self._views[name] = self._registered(lambda: self._feast().get_feature_view(name))
        return self._views[name]

    def _online_row(self, view: str, customer_id: str) -> dict[str, Any] | None:
        key = EntityKey(join_keys=[columns.CUSTOMER_ID], entity_values=[Value(string_val=customer_id)])
        definition = self._view(view)
        # Feast's get_online_features gives the same values at three times the cost.
        ((_, values),) = self._feast().provider.online_read(self._feast().config, definition, [key])
        return None if values is None else {field.name: _plain(values.get(field.name)) for field in definition.features}

    def _registered(self, look_up: Callable[[], Any]) -> Any:
        if not self._registry_path.exists():  # Feast would make an empty one
            raise OnlineStoreUnready(path=self._registry_path)
        try:
            return look_up()
        except FeastObjectNotFoundException:
            self._opened = None  # another process may apply the definitions later
            raise OnlineStoreUnready(path=self._registry_path) from None

    def _by_snapshot(
        self, entities: pd.DataFrame, views: Sequence[FeatureView]
    ) -> Iterator[tuple[datetime, pd.DataFrame]]:
        """Group rows by the newest snapshot at or before their time.

        A snapshot holds everyone whom an earlier one holds, so no older file can hold a row's answer; reading one
        file per group instead of all of them costs a fifth of the time and memory. Rows older than every snapshot
        go with the first, where Feast finds nothing for them.
        """
        known = snapshots(self._tables_dir, views[0].name)
        if not known:
            raise SnapshotMissing(view=views[0].name, as_of=None, known=known)
        times = pd.to_datetime(entities[columns.EVENT_TIMESTAMP], utc=True)
        places = np.searchsorted(pd.DatetimeIndex(known).as_unit("us"), times.dt.as_unit("us"), side="right") - 1
        for place, rows in entities.groupby(np.maximum(places, 0), sort=True):
            yield known[int(str(place))], rows

    def _narrowed(self, view: FeatureView, as_of: datetime) -> FeatureView:
        narrowed = copy.copy(view)
        narrowed.batch_source = _of_one_file(view, self._existing_snapshot(view.name, as_of))
        return narrowed

    def _existing_snapshot(self, view: str, as_of: datetime) -> Path:
        path = snapshot_path(self._tables_dir, view, as_of)
        if not path.exists():
            raise SnapshotMissing(view=view, as_of=as_of, known=snapshots(self._tables_dir, view))
        return path

    def _join(self, rows: pd.DataFrame, views: Any, references: list[str]) -> pa.Table:
        _use_utc()
        feast = self._feast()
        job = feast.provider.get_historical_features(
            feast.config, views, references, rows, feast.registry, feast.project, False
        )
        return job.to_arrow()

    def _remove_absent(self, view: str, snapshot: Path) -> None:
        kept = pq.read_table(snapshot, columns=[columns.CUSTOMER_ID])[columns.CUSTOMER_ID].to_pylist()
        config = self._feast().config
        table = compute_table_id(config.project, self._view(view))
        keys = ((_encoded(customer_id, config.entity_key_serialization_version),) for customer_id in kept)
        with contextlib.closing(sqlite3.connect(self._online_path)) as connection, connection:
            connection.execute("CREATE TEMP TABLE kept (entity_key BLOB PRIMARY KEY)")
            connection.executemany("INSERT INTO kept VALUES (?)", keys)
            connection.execute(f'DELETE FROM "{table}" WHERE entity_key NOT IN (SELECT entity_key FROM kept)')  # noqa: S608

    def _expired(self, as_of_epoch_s: int | None) -> bool:
        if self._ttl is None or self._now is None or as_of_epoch_s is None:
            return False
        return self._now() - datetime.fromtimestamp(as_of_epoch_s, UTC) > self._ttl


def _of_one_file(view: FeatureView, path: Path) -> FileSource:
    source: Any = view.batch_source
    return FileSource(
        name=source.name,
        path=str(path),
        file_format=source.file_format,
        timestamp_field=source.timestamp_field,
    )


def _use_utc() -> None:
    """Feast casts times to the session's zone, which is the machine's own unless told."""
    ibis.get_backend().raw_sql("SET TimeZone = 'UTC'")


@atexit.register
def _let_go_of_duckdb() -> None:
    """Drop the connection that ibis keeps for Feast; left to the interpreter, duckdb reports it as leaked."""
    ibis.options.default_backend = None


def _encoded(customer_id: str, version: int) -> bytes:
    key = EntityKey(join_keys=[columns.CUSTOMER_ID], entity_values=[Value(string_val=customer_id)])
    return serialize_entity_key(key, entity_key_serialization_version=version)


def _plain(value: Value | None) -> Any:
    kind = None if value is None else value.WhichOneof("val")
    if value is None or kind is None:
        return None
    content = getattr(value, kind)
    return list(content.val) if kind.endswith("_list_val") else content


def _in_order(joined: pa.Table, *, n_asked: int, service: str) -> pa.Table:
    order = joined[_ROW].to_numpy()
    if len(order) != n_asked or not np.array_equal(np.sort(order), np.arange(n_asked)):
        raise RowCountChanged(service=service, asked=n_asked, returned=len(order))
    return joined.take(pa.array(np.argsort(order))).drop_columns([_ROW])
