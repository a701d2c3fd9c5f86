"""The model card: what a version is, what it was made from, how it did, and what it is not for."""

from training.baselines import Task
from training.evaluation_results import TASKS, Evaluation, Score, Subset
from training.manifest import ManifestFacts

_LIMITS = (
    "Offline figures tell how well past purchases are foretold, not what showing the lists would sell.",
    "One year of data: no annual season can be learnt.",
    "Not for prices, credit, or any decision about a person other than which products to show.",
    "Differences between groups of customers are in the fairness report of this version, made after this card.",
)
_TABLE_HEAD = "| method | NDCG@10 | NDCG@20 | recall@100 | hit rate@10 | customers |\n|---|---|---|---|---|---|"
_METRICS = ("ndcg@10", "ndcg@20", "recall@100", "hit_rate@10")


def model_card(*, name: str, version: str, description: str, facts: ManifestFacts, evaluation: Evaluation) -> str:
    """Write a model card in Markdown.

    Args:
        name: Model name.
        version: Its version.
        description: One sentence on what the model does.
        facts: What it was made from.
        evaluation: How it did.
    """
    sections = [
        f"# {name}, version {version}\n\n{description}",
        "## Made from\n\n" + origin_lines(facts),
        "## Privacy\n\n" + facts.privacy.words,
        *(_results(evaluation, task) for task in TASKS),
        "## Warm and cold customers\n\n" + _warm_and_cold(evaluation),
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in _LIMITS),
    ]
    return "\n\n".join(sections) + "\n"


def origin_lines(facts: ManifestFacts) -> str:
    """List what a version was made from, a line each."""
    lines = {
        "Data": facts.provenance,
        "Data snapshot": facts.data_snapshot_digest,
        "Purchases before": f"{facts.train_until:%Y-%m-%d %H:%M} UTC",
        "Trained at": f"{facts.trained_at:%Y-%m-%d %H:%M} UTC",
        "Code commit": facts.code_commit,
        "Lock file": facts.lock_digest,
        "Feature service": facts.feature_service,
        "Consents": facts.consent_digest,
    }
    return "\n".join(f"- {label}: {value}" for label, value in lines.items())


def _results(evaluation: Evaluation, task: Task) -> str:
    title = {"all": "Every product", "novel": "Only products new to the customer"}[task]
    rows = [_TABLE_HEAD, *(_row(evaluation, method, task, "everyone") for method in evaluation.methods)]
    window = f"{evaluation.train_until:%Y-%m-%d} to {evaluation.test_end:%Y-%m-%d}, {evaluation.n_products} products"
    note = (
        f"{window}. {evaluation.confidence:.0%} intervals by resampling customers {evaluation.n_bootstrap} times. "
        f"{evaluation.n_without_consent} of {evaluation.n_judged} judged customers had not agreed to personalisation "
        "and got the list that knows nothing about them from every method."
    )
    return f"## {title}\n\n{note}\n\n" + "\n".join(rows)


def _warm_and_cold(evaluation: Evaluation) -> str:
    subsets: tuple[Subset, ...] = ("warm", "cold")
    measured = {(score.task, score.subset) for score in evaluation.scores}
    rows = [
        _row(evaluation, evaluation.model, task, subset, label=f"{task}, {subset}")
        for task in TASKS
        for subset in subsets
        if (task, subset) in measured
    ]
    note = f"Warm: at least {evaluation.warm_min_baskets} baskets before the cut-off."
    return f"{note}\n\n" + "\n".join([_TABLE_HEAD, *rows])


def _row(evaluation: Evaluation, method: str, task: Task, subset: Subset, label: str | None = None) -> str:
    found = {
        score.metric: score
        for score in evaluation.scores
        if (score.method, score.task, score.subset) == (method, task, subset)
    }
    cells = [_cell(found.get(metric)) for metric in _METRICS]
    n_customers = next((score.n_customers for score in found.values()), 0)
    return f"| {label or method} | " + " | ".join(cells) + f" | {n_customers} |"


def _cell(score: Score | None) -> str:
    return "–" if score is None else f"{score.value:.4f} [{score.low:.4f}, {score.high:.4f}]"
