"""A private demand version: plan, charge, release, put weeks together, fit on them; resumed at no further charge."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from configs.demand import DemandSettings
from configs.settings import Settings
from features.lake import Lake
from features.store import Store
from privacy.ledger import open_ledger
from privacy.randomness import Randomness, SystemRandomness
from training.demand.backtest import Origin
from training.demand.elasticities import Elasticities
from training.demand.elasticity import category_names, fit_elasticities
from training.demand.errors import PrivateOriginsTooMany
from training.demand.fit import FittedForecaster, fit_forecaster
from training.demand.forecaster import Forecaster
from training.demand.panel import Panel, StorePanel
from training.demand.panel_reader import read_panel
from training.demand.private_bundle import ReleasedWeeks
from training.demand.private_design import Design, design_of, public_panel
from training.demand.private_panel import Reconstruction, drawn_panel, levels_of, telling, with_responses
from training.demand.private_plan import WHAT, demand_plan
from training.demand.private_release import Sales, read_sums, release_sums
from training.demand.private_sources import listed_products, read_sales
from training.demand.private_statement import demand_statement
from training.demand.private_steps import DemandPlan, Step
from training.demand.sources import DemandSources
from training.demand.store_fit import fit_store_split
from training.demand.version import FittedVersion, PrivatePart
from training.errors import PrivateNoiseForeseeable
from training.resuming import LAST_CHECKPOINT
from training.two_tower.private_charge import LINEAGE, ChargedRun, KeptCounts

Progress = Callable[[str], None]

_NETWORKS: Final = "networks"  # folder of the fit's own checkpoints, which it empties


def fit_private_demand(
    settings: Settings,
    sources: DemandSources,
    until: np.datetime64,
    checkpoints: Path,
    *,
    run: str,
    resume: bool,
    progress: Progress,
    randomness: Randomness | None = None,
) -> FittedVersion:
    """Fit a version that keeps to `demand.private.target_epsilon`, charged to the ledger of this house.

    Args:
        settings: All sections.
        sources: Of their panel only the stores' names are read; sales come from the lake, under the reservation.
        until: Monday of the first week that is not learnt from.
        checkpoints: Folder of this run.
        run: Its name in the ledger.
        resume: Go on with the killed run in that folder, at no further charge.
        progress: Told each step in words.
        randomness: Only for tests; what it makes is refused unless it is the operating system's.

    Raises:
        BudgetExceeded: If the window has not enough left.
        TargetUnreachable: If no noise keeps to the target.
        PrivateRunUnfinished: If a killed run lies there and is not to be resumed.
        NothingToResume: If there is none.
        PublicProductsMissing: If the lake has no product table.
        PrivateNoiseForeseeable: If noise came from anything but the operating system.
    """
    private = settings.demand.private
    progress(f"privacy: planning for epsilon {private.target_epsilon:g} at delta {private.delta:.0e}")
    plan = demand_plan(private)
    shop = read_panel(Store(settings.storage.feast), listed_products(sources.lake))
    design = design_of(public_panel(shop.until(until)), sources.stores.store_ids, private.half_life_weeks)
    ledger = open_ledger(settings.storage, settings.privacy.budget)
    charged = ChargedRun.open(ledger, plan, checkpoints, run=run, lineage=LINEAGE, resume=resume, what=WHAT)
    found, secure = Releasing(charged, design, sources.lake, randomness or SystemRandomness(), progress).run(
        plan, private.min_telling_units
    )
    if not secure:
        raise PrivateNoiseForeseeable()
    statement = demand_statement(plan, private.delta, charged.commit(plan))
    progress(f"privacy: epsilon {statement.epsilon:.3f} at delta {statement.delta:.0e}, committed to the ledger")
    panel = drawn_panel(found, design, private.dispersion, settings.demand.seed)
    weeks = ReleasedWeeks(panel.product_ids, panel.weeks, panel.units, design.store_ids, found.store_share)
    begun = DemandSources(sources.lake, panel.followed_by(shop.since(until)), weeks.stores(panel))
    fitted, elasticities = fit_on_release(
        panel,
        begun.stores,
        settings.demand,
        checkpoints / _NETWORKS,
        fits=plan.responses is not None,
        progress=progress,
    )
    return FittedVersion(fitted, elasticities, PrivatePart(statement, weeks, begun))


def require_one_origin(rolling: Sequence[Origin], settings: DemandSettings) -> None:
    """Refuse to judge a private version from later origins, whose weeks it did not release.

    Raises:
        PrivateOriginsTooMany: If there are several.
    """
    if len(rolling) > 1:
        raise PrivateOriginsTooMany(
            n_origins=len(rolling), test_weeks=settings.evaluation.test_weeks, horizon_weeks=settings.horizon_weeks
        )


@dataclass(frozen=True, eq=False)
class Releasing:
    """Makes the releases of a plan once, whatever becomes of the run.

    Attributes:
        charged: Budget and folder.
        design: Public frame.
        lake: Where the sales lie.
        randomness: Of the noise.
        progress: Told each step in words.
    """

    charged: ChargedRun
    design: Design
    lake: Lake
    randomness: Randomness
    progress: Progress

    def run(self, plan: DemandPlan, min_telling_units: float) -> tuple[Reconstruction, bool]:
        """Release levels, then responses; give what they say and whether nobody can foretell the noise."""
        self.charged.access()
        sales = read_sales(self.lake, self.design)
        kept = self._sums(self.charged, plan.levels, sales)
        released = read_sums(kept.values, self.design, plan.levels)
        found, secure = levels_of(released, self.design), kept.secure
        if plan.responses is None:
            return found, secure
        told = telling(found, self.design, min_telling_units)
        self.progress(f"responses: asked of {int(told.sum()):,} products that stand out of the noise")
        folder = self.charged.folder / "responses"
        folder.mkdir(exist_ok=True)
        kept = self._sums(replace(self.charged, folder=folder), plan.responses, sales.of(told))
        released = released.beside(read_sums(kept.values, self.design, plan.responses))
        return with_responses(found, released, told, self.design), secure and kept.secure

    def _sums(self, charged: ChargedRun, step: Step, sales: Sales) -> KeptCounts:
        """Release the sums of a step, or take those that a killed run released."""
        kept = charged.counts()
        if kept is None:
            values = release_sums(sales, self.design, step, self.randomness)
            secure = type(self.randomness) is SystemRandomness
            kept = KeptCounts(values, step.event.noise_multiplier, secure)
            charged.keep(kept)
            self.progress(f"{step.what}: {len(values):,} released")
        return kept


def fit_on_release(
    panel: Panel, stores: StorePanel, settings: DemandSettings, checkpoints: Path, *, fits: bool, progress: Progress
) -> tuple[FittedForecaster, Elasticities]:
    """Fit what is always fitted, on weeks put together from the release; nothing here reads a sale.

    Args:
        panel: Released weeks.
        stores: How the released stores share them.
        settings: As for any version.
        checkpoints: Of the fit alone; one that was killed goes on.
        fits: False ships released means, with the public prior in the place of elasticities.
        progress: Told each step in words.
    """
    if not fits:
        progress("demand: released means are shipped; nothing is fitted at this epsilon")
        return _means(panel, stores, settings), prior_elasticities(panel, settings)
    resume = (checkpoints / LAST_CHECKPOINT).exists()
    fitted = fit_forecaster(panel, stores, settings, checkpoints, resume=resume, progress=progress)
    progress("price response: elasticities, category to chain")
    return fitted, of_categories(fit_elasticities(panel, settings.elasticity), panel, settings)


def of_categories(fitted: Elasticities, panel: Panel, settings: DemandSettings) -> Elasticities:
    """Take what a fit says of categories for their products: of a single product's response nothing was released."""
    doubt = settings.private.product_elasticity_sd
    unknown = np.full(len(panel), "")
    shared = fitted.of(unknown, category_names(panel))
    return replace(
        shared,
        product_ids=panel.product_ids,
        scale=np.hypot(shared.scale, doubt),
        identified=fitted.identified,
        category_scale=np.hypot(shared.category_scale, doubt),
        chain_scale=float(np.hypot(shared.chain_scale, doubt)),
    )


def prior_elasticities(panel: Panel, settings: DemandSettings) -> Elasticities:
    """Give every product the public prior, identified nowhere."""
    n, doubt = len(panel), settings.private.product_elasticity_sd
    location = settings.elasticity.prior_elasticity
    scale = float(np.hypot(settings.elasticity.prior_elasticity_sd, doubt))
    return Elasticities(
        product_ids=panel.product_ids,
        location=np.full(n, location),
        scale=np.full(n, scale),
        sources=np.full(n, "chain"),
        identified=np.zeros(n, dtype=bool),
        categories=np.empty(0, dtype=np.str_),
        category_location=np.empty(0),
        category_scale=np.empty(0),
        chain_location=location,
        chain_scale=scale,
    )


def _means(panel: Panel, stores: StorePanel, settings: DemandSettings) -> FittedForecaster:
    forecaster = Forecaster({}, {}, None)
    if not len(stores):  # nothing stood out of the noise; the chain is answered for alone
        return FittedForecaster(forecaster, 0, {})
    split, loss = fit_store_split(forecaster, panel, stores, settings.forecaster.stores, settings.seed)
    return FittedForecaster(replace(forecaster, split_model=split), 0, {"store_loss": loss})
