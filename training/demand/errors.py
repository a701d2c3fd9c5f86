"""What can go wrong with the demand models, and what to do about it."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

from training.errors import TrainingError


class TestWeeksUnavailable(TrainingError):
    """The panel holds fewer whole weeks around the cut-off than a backtest needs."""

    __test__ = False  # pytest must not take this class for a test

    def __init__(self, *, train_until: date, test_weeks: int, n_before: int, n_after: int) -> None:
        fewer = f"Ask for --test-weeks {n_after} or fewer, or choose" if n_after and n_before else "Choose"
        super().__init__(
            f"a backtest of {test_weeks} week(s) from {train_until} finds {n_before} whole trading week(s) before that "
            f"date and {n_after} from it on. {fewer} a --train-until with whole weeks on both sides."
        )


class ForecastMisaligned(TrainingError):
    """A forecast covers other products, stores or weeks than it is judged on."""

    def __init__(self, *, method: str, problem: str) -> None:
        super().__init__(
            f"the forecasts of {method!r} cannot be judged: {problem}. "
            "Give every method's forecasts for the same products, stores and origins."
        )


class ProductListUnreadable(TrainingError):
    """A list of products cannot be read, or does not say what its rows are."""

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(
            f"the product list {path} cannot be used: {problem}. "
            "Give a CSV or Parquet file with a column product_id and, for stores, store_id."
        )


class ListedUnknown(TrainingError):
    """A list names products or stores that the lake does not know."""

    def __init__(self, *, what: str, path: Path, examples: Sequence[str], n_unknown: int, n_listed: int) -> None:
        self.n_unknown = n_unknown
        super().__init__(
            f"{n_unknown} of the {n_listed} {what}s listed in {path} are not in the lake, among them "
            f"{', '.join(examples)}. Remove them from the list, or ingest the tables that hold them."
        )


class PeersMissing(TrainingError):
    """A benchmark's peers are not installed."""

    def __init__(self, *, package: str) -> None:
        super().__init__(
            f"the package {package} is needed to run the peers of this benchmark and is not installed. "
            'Install the development extras: pip install -e ".[train,dev]".'
        )


class NoPricesSeen(TrainingError):
    """No product has enough weeks with a sale at an observed price to learn a price response."""

    def __init__(self, *, n_products: int, n_weeks: int, n_needed: int) -> None:
        super().__init__(
            f"none of the {n_products} product(s) sold at a known price in {n_needed} of the {n_weeks} week(s) given: "
            "no elasticity can be learnt. Ingest more weeks of transactions, or choose a later --train-until."
        )


class HistoryTooShort(TrainingError):
    """A panel holds too few weeks."""

    def __init__(self, *, purpose: str, n_weeks: int, least: int) -> None:
        super().__init__(
            f"{n_weeks} whole week(s) of sales are too few to {purpose}: {least} are needed. "
            "Ingest more weeks of transactions, or choose a later --train-until."
        )


class NothingToLearn(TrainingError):
    """No product sold anything in the weeks that a forecaster learns from."""

    def __init__(self, *, n_products: int, first_week: np.datetime64, last_week: np.datetime64) -> None:
        super().__init__(
            f"none of the {n_products} product(s) sold a unit in the weeks of {first_week} to {last_week}: there is "
            "nothing to learn. Choose another --train-until, or ingest transactions of merchandise."
        )


class PrivateOriginsTooMany(TrainingError):
    """A private version was to be judged from several origins, but releases the weeks before the first one alone."""

    def __init__(self, *, n_origins: int, test_weeks: int, horizon_weeks: int) -> None:
        super().__init__(
            f"a private version is judged from one origin, and {test_weeks} test week(s) make {n_origins}: what sold "
            f"between them would be one more release. Set demand.evaluation.test_weeks to {horizon_weeks} or fewer."
        )


class PlanMismatch(TrainingError):
    """A plan is not for the products and weeks that follow the panel."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(
            f"the plan does not fit the panel: {problem}. Choose the weeks right after the panel, one after the other, "
            "for the same products in the same order."
        )


class StoreModelMissing(TrainingError):
    """A chain's forecast was to be split by a forecaster that was fitted without stores."""

    def __init__(self) -> None:
        super().__init__(
            "this forecaster was fitted without store data and splits nothing. Train it again with a store panel."
        )


class StorePairsMismatch(TrainingError):
    """Product-store pairs do not fit the panel or the forecast that they split."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(
            f"the product-store pairs cannot be used: {problem}. "
            "Read them with read_store_panel from the store and panel of the forecast."
        )


class PanelEmpty(TrainingError):
    """The lake holds no whole trading week of merchandise sales."""

    def __init__(self, *, n_products: int, n_weeks: int) -> None:
        super().__init__(
            f"the lake's sales give a panel of {n_products} product(s) by {n_weeks} whole week(s), Monday to Sunday: "
            "there is no demand to model. Ingest at least some whole weeks of transactions of merchandise."
        )


class EventUnknownDepartment(TrainingError):
    """The calendar of events names a department that no product belongs to."""

    def __init__(self, *, event: str, unknown: Sequence[str], known: Sequence[str]) -> None:
        super().__init__(
            f"event {event!r} of demand.events names the department(s) {', '.join(unknown)}, which no product belongs "
            f"to. Name some of {', '.join(known)}, or none for an event that touches all."
        )
