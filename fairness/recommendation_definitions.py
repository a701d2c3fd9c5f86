"""What is asked of recommendation lists: every measure's name, plain words and source."""

from typing import Final, Literal

from fairness.measures import Definition

Task = Literal["all", "novel"]

TASKS: Final[tuple[Task, ...]] = ("all", "novel")
SUPPLIER_CLASS: Final = "supplier_class"
KNOWN_DEMOGRAPHICS: Final = "known_demographics"
N_TOP: Final = 10  # places judged by NDCG and hit rate, and looked at for popularity and coverage
N_LONG: Final = 100  # places judged by recall, and by calibration, since ten cannot mirror hundreds of categories

WORDS: Final = {"all": "everything bought", "novel": "first purchases"}
_SINGH: Final = "Singh and Joachims (2018), Fairness of exposure in rankings"


def _of_group(measure: str, title: str, meaning: str, unit: str, source: str, *, better: bool = True) -> Definition:
    return Definition(
        surface="recommendations",
        measure=measure,
        title=title,
        meaning=meaning,
        unit=unit,
        ideal=1.0,
        kind="ratio",
        source=source,
        more_is_better=better,
    )


def _ndcg(task: Task) -> Definition:
    return _of_group(
        f"ndcg_at_{N_TOP}_{task}",
        f"How well the first {N_TOP} fit: {WORDS[task]}",
        f"How near the top of the list the products stand that a customer bought in the weeks after "
        f"({WORDS[task]}). 1 is the best order there could be. A group that buys more is easier to please, so a gap "
        "may be one of basket size.",
        "NDCG",
        "Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques",
    )


def _recall(task: Task) -> Definition:
    return _of_group(
        f"recall_at_{N_LONG}_{task}",
        f"How much of {WORDS[task]} the first {N_LONG} hold",
        f"The share of a customer's later purchases ({WORDS[task]}) that the first {N_LONG} places hold, averaged "
        "over customers. It does not say where in the list they stand.",
        "share",
        "Herlocker et al. (2004), Evaluating collaborative filtering recommender systems",
    )


def _hit_rate(task: Task) -> Definition:
    return _of_group(
        f"hit_rate_at_{N_TOP}_{task}",
        f"Who finds anything in the first {N_TOP}: {WORDS[task]}",
        f"The share of customers who later bought at least one of the first {N_TOP} ({WORDS[task]}). Where nearly "
        "everybody does, it hides how well they are served.",
        "share",
        "Deshpande and Karypis (2004), Item-based top-N recommendation algorithms",
    )


def _small_suppliers(task: Task) -> Definition:
    return Definition(
        surface="recommendations",
        measure=f"small_supplier_exposure_{task}",
        title=f"Room for small manufacturers: {WORDS[task]}",
        meaning=f"Small manufacturers' share of the attention that the first places get, over their share of what is "
        f"bought ({WORDS[task]}). 1 is as much room as demand; only too little counts as harm. Demand itself follows "
        "what the shop shows.",
        unit="exposure over demand",
        ideal=1.0,
        kind="ratio",
        source=_SINGH,
        reference="ideal",
        side="low",
    )


def _private_label(task: Task) -> Definition:
    return Definition(
        surface="recommendations",
        measure=f"private_label_exposure_{task}",
        title=f"Room for the shop's own brands: {WORDS[task]}",
        meaning=f"The own brands' share of the attention that the first places get, over their share of what is bought "
        f"({WORDS[task]}). 1 is as much room as demand; too much favours the shop over its suppliers, too little "
        "hides its cheaper products.",
        unit="exposure over demand",
        ideal=1.0,
        kind="difference",
        source=_SINGH,
        reference="ideal",
        side="both",
    )


NDCG: Final = {task: _ndcg(task) for task in TASKS}
RECALL: Final = {task: _recall(task) for task in TASKS}
HIT_RATE: Final = {task: _hit_rate(task) for task in TASKS}
SMALL_SUPPLIERS: Final = {task: _small_suppliers(task) for task in TASKS}
PRIVATE_LABELS: Final = {task: _private_label(task) for task in TASKS}

CATEGORY_CALIBRATION: Final = _of_group(
    "category_calibration",
    "Whether lists mirror what people buy, by category",
    f"How far the categories of the first {N_LONG} places are from those of the customer's own history; 0 mirrors it. "
    "A list cannot hold every category, so nobody gets 0 and groups are compared with each other, as a ratio.",
    "nats",
    "Steck (2018), Calibrated recommendations",
    better=False,
)
PRICE_TIER_CALIBRATION: Final = Definition(
    surface="recommendations",
    measure="price_tier_calibration",
    title="Whether lists mirror how dear people buy",
    meaning=f"How far the first {N_LONG} places are from the customer's own history in what is cheap, middling or dear "
    "within its category; 0 mirrors it. It does not say in which direction they differ.",
    unit="nats",
    ideal=0.0,
    kind="difference",
    source="Steck (2018), Calibrated recommendations, on thirds of each category's prices",
    more_is_better=False,
)
POPULARITY_LIFT: Final = _of_group(
    "popularity_lift",
    "Push towards best sellers",
    f"How popular the first {N_TOP} products are (as a place among all products), over how popular what the customer "
    "bought before was. 1 is the same; a group with more is shown best sellers instead of its own taste.",
    "list over history",
    "Abdollahpouri et al. (2020), Popularity bias, calibration, and fairness in recommendation",
    better=False,
)
CATALOGUE_COVERAGE: Final = _of_group(
    "catalogue_coverage",
    "How much of the range a group gets to see",
    f"The share of the catalogue in the first {N_TOP} places of equally many customers of each group. Little means "
    "that people of a group are all shown the same. There is no right amount.",
    "share of products",
    "Ge, Delgado-Battenfeld and Jannach (2010), Beyond accuracy; rarefied as by Hurlbert (1971)",
)

DEFINITIONS: Final[tuple[Definition, ...]] = (
    *(by_task[task] for by_task in (NDCG, RECALL, HIT_RATE) for task in TASKS),
    CATEGORY_CALIBRATION,
    PRICE_TIER_CALIBRATION,
    POPULARITY_LIFT,
    CATALOGUE_COVERAGE,
    *(by_task[task] for by_task in (SMALL_SUPPLIERS, PRIVATE_LABELS) for task in TASKS),
)
