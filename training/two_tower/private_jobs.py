"""A private version from start to statement: plan, budget, fit, room for suppliers, and what may be promised."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from configs.settings import Settings
from privacy.ledger import Spent, open_ledger
from privacy.randomness import Randomness
from privacy.statement import Assumption, Statement
from privacy.stating import Release, TrainingFacts, make_statement
from training.errors import PrivateNoiseForeseeable
from training.two_tower.fit import Fitted, TrainingData
from training.two_tower.private_charge import LINEAGE, ChargedRun
from training.two_tower.private_content import PublicContent, public_products
from training.two_tower.private_exposure import private_exposure
from training.two_tower.private_fit import PrivateFit
from training.two_tower.private_plan import PrivatePlan, private_plan
from training.two_tower.sources import Sources

Progress = Callable[[str], None]

_COVERED: Final = (
    "Which products are recommended to people without a history, and how popular each is said to be.",
    "The weights that make room for suppliers: fitted on made-up customers drawn from the released popularity.",
)
_PUBLIC: Final = (
    Assumption(
        assumes="What is used at no charge is public.",
        met_by="the product table that the shop maintains (it must list what is sold, not what was bought), content "
        "made of it, list prices, and every setting.",
    ),
    Assumption(
        assumes="Nothing else is learnt from customers.",
        met_by="left out of this version, because each would have been one more release: products bought together, "
        "prices taken from receipts, sales and repeat figures of products, a learned repeat head, a choice of the best "
        "checkpoint.",
    ),
)
_NOT_COVERED: Final = (
    "The figures of the evaluation and of the run's record: exact averages over customers of the test weeks, for the "
    "people who run the models. Do not publish them as part of the version.",
    "Settings that somebody chose after looking at results on the same customers: each look costs, and only runs that "
    "went through the ledger are charged.",
    "How long a run took and how much memory it used.",
)
_ONLY_COUNTS: Final = (
    "Nothing was trained: at this epsilon the noise of training costs more than training gains, by a rule that looks "
    "at no data (two_tower.private.min_epsilon_to_train). The version ranks by released popularity and by the person's "
    "own history."
)


def fit_private_version(
    settings: Settings,
    sources: Sources,
    checkpoints: Path,
    *,
    run: str,
    resume: bool,
    progress: Progress,
    randomness: Randomness | None = None,
) -> Fitted:
    """Fit a version that keeps to `two_tower.private.target_epsilon`, charged to the ledger of this house.

    Args:
        settings: All sections.
        sources: What the run reads.
        checkpoints: Folder of this run.
        run: Its name in the ledger.
        resume: Go on with the killed run in that folder, at no further charge.
        progress: Told each step in words.
        randomness: Only for tests; what it makes is refused a statement unless it is the operating system's.

    Raises:
        BudgetExceeded: If the window has not enough left.
        TargetUnreachable: If no noise keeps to the target.
        PrivateRunUnfinished: If a killed run lies there and is not to be resumed.
        NothingToResume: If there is none.
        PublicProductsMissing: If the lake has no product table.
        PrivateVocabularyEmpty: If no product stands out of the noise.
        PrivateNoiseForeseeable: If noise came from anything but the operating system.
    """
    private = settings.two_tower.private
    content = PublicContent.of(public_products(sources.lake), private.content_dim)
    progress(f"privacy: planning for epsilon {private.target_epsilon:g} at delta {private.delta:.0e}")
    plan = private_plan(private)
    ledger = open_ledger(settings.storage, settings.privacy.budget)
    charged = ChargedRun.open(ledger, plan, checkpoints, run=run, lineage=LINEAGE, resume=resume)
    fitted = PrivateFit(
        data=_data(sources),
        content=content,
        features=settings.features,
        settings=settings.two_tower,
        plan=plan,
        run=charged,
        progress=progress,
        randomness=randomness,
    ).fit()
    if not fitted.secure:
        raise PrivateNoiseForeseeable()
    statement = private_statement(plan, private.delta, charged.commit(plan))
    progress(f"privacy: epsilon {statement.epsilon:.3f} at delta {statement.delta:.0e}, committed to the ledger")
    progress("re-ranking: room for suppliers, from the released popularity")
    exposure = private_exposure(fitted.scorer, fitted.popularity, settings.two_tower, settings.fairness.suppliers)
    figures = {"n_taught": float(len(fitted.popularity.taught)), "epsilon": float(statement.epsilon or 0)}
    return Fitted(fitted.scorer.with_exposure(exposure), fitted.steps_done, figures | exposure.figures(), statement)


def private_statement(plan: PrivatePlan, delta: float, spent: Spent) -> Statement:
    """State what the version promises, with what is particular to a recommender.

    Args:
        plan: What was released.
        delta: At which epsilon is told.
        spent: What the ledger says of these customers, this version included.
    """
    training = None
    if plan.training is not None:
        training = TrainingFacts(
            sample_rate=plan.training.sample_rate,
            noise_multiplier=plan.training.noise_multiplier,
            max_grad_norm=plan.training.max_grad_norm,
            steps=plan.training.steps,
            expected_batch_size=plan.training.expected_batch_size,
        )
    releases = [Release(what, tuple(events)) for what, events in plan.charges.items()]
    made = make_statement(releases, delta=delta, training=training, spent=spent)
    notes = _COVERED if plan.training is not None else (_ONLY_COUNTS, *_COVERED)
    return made.model_copy(
        update={
            "covered": (*made.covered, *notes),
            "not_covered": (*made.not_covered, *_NOT_COVERED),
            "assumptions": (*made.assumptions, *_PUBLIC),
        }
    )


def _data(sources: Sources) -> TrainingData:
    purchases = sources.training_purchases
    return TrainingData(
        store=sources.store,
        purchases=purchases,
        customer_ids=sorted(purchases["customer_id"].unique()),
        train_until=sources.train_until,
    )
