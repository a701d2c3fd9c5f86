"""The forecaster: what each product will sell, how sure that is, and how stores share it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import lightgbm
import numpy as np
import numpy.typing as npt

from training.artifact import Bundle
from training.demand.counts import moment_dispersion
from training.demand.errors import HistoryTooShort, PlanMismatch, StoreModelMissing
from training.demand.forecast import Forecast
from training.demand.inputs import inputs_of
from training.demand.network import DemandNetwork
from training.demand.panel import Floats, Panel, StorePanel
from training.demand.plan import TRACKS, Plan, Track
from training.demand.quantiles import negative_binomial_quantiles
from training.demand.state import State, state_of
from training.demand.store_split import StoreSplit, split_among_stores
from training.demand.trees import predict_trees, trees_of

Member = Literal["network", "trees", "blend"]

MODEL_NAME: Final = "demand"
SECTIONS: Final = ("demand",)  # the settings a version depends on

LEAST_WEEKS: Final = 4  # of history; below it not even the shortest mean is whole
NETWORK: Final = "network"  # prefixes of names in the bundle
STORES: Final = "stores"
_NEW_DISPERSION: Final = 1.5  # least dispersion of a product without any sale; falls with the weeks it was on sale
# Factor on the dispersion under a plan: weeks to come differ more than weeks learnt from among themselves.
_UNSEEN: Final[dict[Track, float]] = {"none": 1.0, "promo": 1.05, "full": 1.05}
_LARGEST_LOG_MEAN: Final = 12.0
_LEAST_MEAN: Final = 0.02  # units per week; what never sold is read as this


def tree_file(track: Track) -> str:
    """Name the text of a track's trees in the bundle."""
    return f"trees_{track}.txt"


@dataclass(frozen=True, eq=False)
class Forecaster:
    """Networks and trees of three tracks, and the split among stores.

    The weights come from a fit; what is known of products comes from the panel given, which may hold later weeks and
    newer products. Its categories and departments tell about each other, so give the whole panel and take what you
    need of the answer. Where a product has no or few sales, every smoother leans on what new products of its
    category sold in their first weeks.

    Prices are an input like the weather: never change a plan's price and read the difference as the effect of the
    price. On the reference study a shelf price 10% up lowered the forecast in only 89% of rows. Decisions on prices
    use the elasticity model, `training.demand.elasticity`.

    Attributes:
        networks: By track; none where means are shipped, which every track then answers alike.
        trees: By track, as the networks.
        split_model: Of the stores; None where no store data was given.
    """

    networks: Mapping[Track, DemandNetwork]
    trees: Mapping[Track, lightgbm.Booster]
    split_model: StoreSplit | None

    @classmethod
    def load(cls, bundle: Bundle) -> "Forecaster":
        """Read a forecaster from its bundle.

        Raises:
            BundleItemUnknown: If the bundle holds no forecaster.
            BundleDamaged: If a part cannot be read.
        """
        tensors = bundle.tensors()
        fitted = TRACKS if _under(tensors, f"{NETWORK}.") else ()
        networks = {track: DemandNetwork.from_state(_under(tensors, f"{NETWORK}.{track}.")) for track in fitted}
        trees = {track: trees_of(bundle.text(tree_file(track))) for track in fitted}
        stores = _under(tensors, f"{STORES}.")
        return cls(networks, trees, StoreSplit.from_state(stores) if stores else None)

    def forecast(self, panel: Panel, plan: Plan, *, track: Track) -> Forecast:
        """Forecast every product of a panel with the blend of networks and trees.

        Args:
            panel: Everything known; the forecast begins the week after it ends.
            plan: Of the same products and the weeks after the panel. A track reads only what it may know.
            track: `none`, `promo` or `full`.

        Raises:
            HistoryTooShort: If the panel holds too few weeks.
            PlanMismatch: If the plan's weeks or products are not those that follow the panel.
        """
        return self.forecast_of("blend", panel, plan, track=track)

    def forecast_of(self, member: Member, panel: Panel, plan: Plan, *, track: Track) -> Forecast:
        """Forecast with one member alone, for comparison; the dispersion is the networks' in every case.

        Raises:
            HistoryTooShort: If the panel holds too few weeks.
            PlanMismatch: If the plan's weeks or products are not those that follow the panel.
        """
        return self.forecast_from(state_of(panel), plan, track=track, member=member)

    def forecast_from(self, state: State, plan: Plan, *, track: Track, member: Member = "blend") -> Forecast:
        """Forecast from a state that was read before, for callers who ask again and again.

        Args:
            state: Of a panel, or some of its products.
            plan: Of the same products and the weeks after the panel.
            track: `none`, `promo` or `full`.
            member: Whose forecast.

        Raises:
            HistoryTooShort: If the panel holds too few weeks.
            PlanMismatch: If the plan's weeks or products are not those that follow the panel.
        """
        panel = state.history
        _require_fit(panel, plan)
        log_mean, dispersion = self._predict(member, state, plan, track)
        mean = np.exp(np.minimum(log_mean, _LARGEST_LOG_MEAN)) * plan.uplift
        return Forecast(
            product_ids=panel.product_ids,
            store_ids=None,
            origin=panel.weeks[-1],
            weeks=plan.weeks,
            mean=mean,
            dispersion=dispersion,
            quantiles=negative_binomial_quantiles(mean, dispersion),
        )

    def split(
        self, forecast: Forecast, panel: Panel, stores: StorePanel, rows: npt.NDArray[np.int64] | None = None
    ) -> Forecast:
        """Split a chain's forecast among stores.

        Args:
            forecast: Of the chain.
            panel: What it was made from.
            stores: Product-store pairs over the panel's weeks. Where they are all that sold, their means sum to the
                chain's exactly; where some are left out, so is their share.
            rows: Positions of the pairs to answer for; None answers for all.

        Returns:
            A forecast with a row per pair, in the order of `stores`; pairs of products not forecast are refused.

        Raises:
            StoreModelMissing: If the fit was given no store data.
            StorePairsMismatch: If the pairs' weeks or products are not those of the panel and the forecast.
        """
        if self.split_model is None:
            raise StoreModelMissing
        return split_among_stores(self.split_model, forecast, panel, stores, rows)

    def _predict(self, member: Member, state: State, plan: Plan, track: Track) -> tuple[Floats, Floats]:
        """Compute log mean and dispersion: (P, H) each."""
        if not self.networks:
            return _means(state, plan)
        inputs = inputs_of(state, plan, track)
        log_mean, log_dispersion = self.networks[track].predict(inputs)
        if member != "network":
            from_trees = predict_trees(self.trees[track], inputs)
            log_mean = from_trees if member == "trees" else _blend(log_mean, from_trees, state, plan, track)
        shape = (len(state), len(plan.weeks))
        return log_mean.reshape(shape), _widened(_UNSEEN[track] * np.exp(log_dispersion).reshape(shape), state)


def _blend(network: Floats, trees: Floats, state: State, plan: Plan, track: Track) -> Floats:
    """Average logarithms; without a plan IMAPA is as good as either, and joins."""
    members = [network, trees]
    if track == "none":
        members.append(np.repeat(np.log(state.smoothed), len(plan.weeks)))
    blend: Floats = np.mean(members, axis=0)
    return blend


def _means(state: State, plan: Plan) -> tuple[Floats, Floats]:
    """Answer with the mean of all weeks known: (P, H) logarithms, and the product's own dispersion."""
    level = np.maximum(state.units.mean(axis=1), _LEAST_MEAN)
    columns = (np.log(level), moment_dispersion(state.units))
    log_mean, dispersion = (np.repeat(column[:, None], len(plan.weeks), axis=1) for column in columns)
    return log_mean, dispersion


def _widened(dispersion: Floats, state: State) -> Floats:
    """Widen what is hardly known: a product's own level, until it sold for some weeks."""
    n_known = state.counted.sum(axis=1, keepdims=True)
    widened: Floats = np.maximum(dispersion, _NEW_DISPERSION / (1 + n_known))
    return widened


def _require_fit(panel: Panel, plan: Plan) -> None:
    if len(panel.weeks) < LEAST_WEEKS:
        raise HistoryTooShort(purpose="forecast", n_weeks=len(panel.weeks), least=LEAST_WEEKS)
    expected = panel.weeks[-1] + 7 * np.arange(1, len(plan.weeks) + 1).astype("timedelta64[D]")
    if not np.array_equal(plan.weeks, expected) or plan.uplift.shape != (len(panel), len(plan.weeks)):
        planned = f"{len(plan.uplift)} product(s) in the weeks of {', '.join(map(str, plan.weeks)) or 'none'}"
        problem = f"it holds {planned}; the panel holds {len(panel)} and ends with the week of {panel.weeks[-1]}"
        raise PlanMismatch(problem=problem)


def _under(tensors: Mapping[str, Floats], prefix: str) -> dict[str, Floats]:
    return {name.removeprefix(prefix): values for name, values in tensors.items() if name.startswith(prefix)}
