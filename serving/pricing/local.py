"""The price service without a server: for commands that ask it as a request would."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from configs.settings import Settings
from features.clock import Clock
from features.lake import Lake
from features.preparation import ensure_price_tables
from privacy.state import open_state
from serving.decisions import DecisionLog
from serving.pricing.assembly import Pricing, pricing_of
from serving.pricing.desk import Desk
from serving.pricing.loading import desk_on_disk
from training.retraining import open_dates


@contextmanager
def local_pricing(settings: Settings, progress: Callable[[str], None]) -> Iterator[tuple[Pricing, Desk]]:
    """Load the demand champion and build the price service around it; closes what it opened.

    Raises:
        NoChampion: If no demand model was promoted yet.
        ClearanceRefused: If its audit does not clear it.
    """
    progress("prices: loading the demand champion and the weekly panel")
    ensure_price_tables(settings.storage, Lake.open(settings.storage.lake))
    dates = open_dates(settings.storage, settings.privacy.erasure.retrain_within_days)
    desk = desk_on_disk(settings.storage, settings.demand, settings.fairness, retrain_by=dates.of)
    with pricing_around(desk, settings, settings.storage.state_db) as pricing:
        yield pricing, desk


@contextmanager
def pricing_around(desk: Desk, settings: Settings, state_db: Path) -> Iterator[Pricing]:
    """Build the price service around a loaded desk; closes what it opened.

    Args:
        desk: The demand models, promoted or not.
        settings: All sections.
        state_db: Where suggestions, moves and prices are on record.
    """
    engine = open_state(state_db)
    decisions = DecisionLog(engine, settings.serving.decisions)
    clock = Clock(settings.features.clock, settings.storage.feast)
    try:
        yield pricing_of(settings, engine=engine, decisions=decisions, desk=lambda: desk, clock=clock)
    finally:
        decisions.close()
        engine.dispose()
