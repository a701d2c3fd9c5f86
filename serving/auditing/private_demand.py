"""The privacy audit of a demand version: both releases of sums, made of customers that nobody is.

Attacks on real customers are left out: all that a version says of sales is in these sums, and the planted customers are
the strongest attack on them that there is, since each has sums of his own and of full length.
"""

from collections.abc import Callable
from typing import Final

from configs.demand import DemandSettings
from configs.settings import Settings
from features.lake import Lake
from features.store import Store
from privacy.accounting import epsilon
from privacy.auditing.errors import NothingPromised, VersionOutdated
from privacy.auditing.record import N_COUNT_CHANCES, Claim
from serving.auditing.examined import Examined, settings_of_version
from training.artifact import Bundle
from training.demand.private_bundle import ReleasedWeeks
from training.demand.private_plan import demand_plan
from training.demand.private_twin import PrivateDemand, audit_sums, design_beside

_NOTES: Final = (
    "Every figure here is of made-up customers whose sums were released with the version's own constants, over the "
    "shop's own products, weeks, promotions and stores; no sale was read, and nothing was charged.",
    "A bound below the claim proves no privacy: it says that these attacks found no contradiction.",
    "The one-run bound assumes nothing of the scores and reaches about a third of a tight claim. The Gaussian test and "
    "the noise take normal noise for granted and come close to it. Noise must be on every kind of sums.",
    "Real customers were not attacked: weeks, forecasts and prices are worked out from the sums and from nothing else "
    "of theirs, and an attack on the sums can do no better than the one on planted customers.",
    "Not seen: a generator that can be foretold, customers who are two people or one person twice, how lines of sales "
    "are read from the lake, weeks changed after the release, prices that receipts stand in for, a fault that shows "
    "only with real purchases.",
)
_SAME: Final = 1e-6  # relative, between an epsilon that was stated and one that is reckoned again


def examine_demand(bundle: Bundle, settings: Settings, progress: Callable[[str], None]) -> Examined:
    """Release the sums of made-up customers as a version released those of real ones, and hold them to its claim.

    Args:
        bundle: Opened; it promises privacy.
        settings: All sections.
        progress: Told each step in words.

    Raises:
        NothingPromised: If the bundle carries no released weeks, whatever it says.
        VersionOutdated: If other code trained it, or it was charged with something else than its settings ask for.
        CanariesTooFew: If too few canaries are in or out.
        LakeMissing, LakeDamaged: If there is no lake to read products from.
        OnlineStoreUnready, PriceTableMissing: If the price features were not built.
    """
    audit, version = settings.privacy.audit, demand_version(bundle, settings)
    error = audit.false_alarm / (N_COUNT_CHANCES * len(version.releases))
    progress(f"sums: {len(version.releases)} releases with {audit.n_canaries:,} canaries each among made-up customers")
    alone = _epsilons(version)
    claim = Claim(
        mechanism="dp-counts",
        epsilon=bundle.manifest.privacy.epsilon or 0.0,
        delta=version.delta,
        levels_epsilon=alone[0],
        responses_epsilon=None if version.plan.responses is None else alone[1],
    )
    findings = audit_sums(version, n_canaries=audit.n_canaries, error=error)
    return Examined(claim, findings, _NOTES, None)


def demand_version(bundle: Bundle, settings: Settings) -> PrivateDemand:
    """Read a version's releases and constants from its manifest; its statement must name the same releases.

    Raises:
        NothingPromised: If the bundle carries no released weeks, whatever it says.
        VersionOutdated: If other code trained it, or it was charged with something else than its settings ask for.
    """
    manifest = bundle.manifest
    demand = settings_of_version(bundle, "demand", DemandSettings)
    released = ReleasedWeeks.load(bundle)
    if released is None:
        raise NothingPromised(name=manifest.name, version=manifest.version)
    storage, private = settings.storage, demand.private
    design = design_beside(released, Lake.open(storage.lake), Store(storage.feast), private.half_life_weeks)
    version = PrivateDemand(design, demand_plan(private), private.delta, demand.seed)
    reckoned = dict(zip((step.what for step in version.plan.steps), _epsilons(version), strict=True))
    stated = {charge.what: charge.epsilon_alone for charge in bundle.statement().charges}
    if reckoned.keys() != stated.keys() or any(abs(stated[what] / one - 1) > _SAME for what, one in reckoned.items()):
        problem = "its statement names other releases than its settings ask for"
        raise VersionOutdated(name=manifest.name, version=manifest.version, problem=problem)
    return version


def _epsilons(version: PrivateDemand) -> list[float]:
    return [epsilon((step.event,), version.delta) for step in version.plan.steps]
