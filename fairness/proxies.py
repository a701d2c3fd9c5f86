"""Proxies: how well a sensitive attribute can be told from what a model reads, and from what it gives."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler

from configs.fairness import StatisticsSettings
from fairness.bootstrap import GroupDraws, customer_weights
from fairness.errors import TableMismatch
from fairness.groups import Grouping
from fairness.measures import Definition, Measure
from fairness.policy import Policy
from fairness.verdict import insufficient, judge
from features.columns import STORE_ID

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

HOME_STORE: Final = "home_store"
_CHANCE: Final = 0.5
_N_FOLDS: Final = 5
_N_INNER_FOLDS: Final = 3
_STRENGTHS: Final = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # inverse ridge penalties to choose from inside each fold
_N_QUANTILES: Final = 100
_MAX_ITERATIONS: Final = 500
_FOLLOWS: Final = (
    "A figure above the limit means that the attribute can be read from this table, not that the model uses it: no "
    "model of purchases is free of proxies, which is why outcomes are compared by group as well. The price path takes "
    "no input about customers. Another way of guessing might read more."
)
_WORDS: Final = {
    "inputs": "what the model reads about a customer",
    "outputs": "what the model gives a customer",
    HOME_STORE: "the home store alone",
}


def definition_of(table: str) -> Definition:
    """Define the measure of one table of customers."""
    words = _WORDS.get(table, f"the table {table}")
    return Definition(
        surface="proxies",
        measure=f"proxy_auc_{table}",
        title=f"What can be guessed from {words}",
        meaning=f"How often a customer of the group and one of the other groups are told apart rightly from {words}: "
        ".5 is tossing a coin, 1 is always. Guesses are made for customers whose attribute the guessing did not see.",
        unit="AUC",
        ideal=_CHANCE,
        kind="difference",
        source="Feldman et al. (2015), Certifying and removing disparate impact, section 4; Hanley and McNeil (1982)",
        reference="ideal",
        side="high",
        more_is_better=False,
    )


DEFINITIONS: Final = tuple(definition_of(table) for table in _WORDS)


def proxy_measures(
    tables: Mapping[str, pd.DataFrame], customer_ids: Sequence[str], groupings: Sequence[Grouping], policy: Policy
) -> list[Measure]:
    """Judge whether an attribute can be read from each table, and from the home store alone where a table holds it.

    Args:
        tables: By name; C rows in the order of `customer_ids`, numbers and texts. A customer without any value
            (numbers NaN, texts empty) is left out of the table, for example for want of consent.
        customer_ids: (C,) all customers.
        groupings: Who belongs where; intersections are left out.
        policy: Margins, families and statistics.

    Returns:
        By table and attribute the AUC of each group against the others; FAIL says that it is readable.

    Raises:
        TableMismatch: If a table has another number of rows.
    """
    for name, table in tables.items():
        if len(table) != len(customer_ids):
            raise TableMismatch(table=name, n_rows=len(table), n_customers=len(customer_ids))
    return [
        _judged(name, table, grouping, policy)
        for name, table in {**tables, **_home_store(tables)}.items()
        for grouping in groupings
        if not grouping.cells
    ]


def auc_by_group(scores: Floats, codes: Codes, folds: Codes, weights: npt.NDArray[np.float32] | None = None) -> Floats:
    """Reckon how well each group's scores tell its members from everybody else.

    The area under the ROC curve, one group against the rest; ties count half. Only customers of one fold are compared:
    scores of different fits have different scales, and mixing them hides what each can tell. Range [0, 1], ideal .5:
    the group cannot be told. Do not use it where a group has a handful of members: one person moves it by much.

    Args:
        scores: (C, G) score of each customer for each group; more means likelier in it.
        codes: (C,) place of each customer's group.
        folds: (C,) whose fit scored each customer.
        weights: (D, C) how often each customer is in each resampling; None for everybody once.

    Returns:
        (G, D); NaN where no member can be compared with anybody else.

    Source: Hanley and McNeil (1982), equation 1, summed over folds.

    >>> auc_by_group(np.array([[0.9, 0.1], [0.4, 0.6], [0.6, 0.4]]), np.array([0, 1, 1]), np.zeros(3)).ravel().tolist()
    [1.0, 1.0]
    """
    counts = np.ones((1, len(codes)), dtype=np.float32) if weights is None else weights
    won, pairs = np.zeros((2, scores.shape[1], len(counts)))
    for fold in np.unique(folds):
        places = np.flatnonzero(folds == fold)
        for group in range(scores.shape[1]):
            order = places[np.argsort(scores[places, group], kind="stable")]
            first = np.unique(scores[order, group], return_index=True)[1]
            fold_won, fold_pairs = _pairs(counts[:, order], codes[order] == group, first)
            won[group] += fold_won
            pairs[group] += fold_pairs
    areas = np.full(pairs.shape, np.nan)
    np.divide(won, pairs, out=areas, where=pairs > 0)
    return areas


def _pairs(
    counts: npt.NDArray[np.float32], member: npt.NDArray[np.bool_], first: npt.NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Count pairs of a member and another, and those in which the member scores higher; by resampling."""
    inside = np.add.reduceat(np.where(member, counts, 0), first, axis=1).astype(np.float64)  # (D, distinct scores)
    outside = np.add.reduceat(np.where(member, 0, counts), first, axis=1).astype(np.float64)
    below = np.cumsum(outside, axis=1) - outside / 2
    return (inside * below).sum(axis=1), inside.sum(axis=1) * outside.sum(axis=1)


def _home_store(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    for table in tables.values():
        for column in (STORE_ID, HOME_STORE):
            if column in table.columns:
                return {HOME_STORE: table[[column]]}
    return {}


def _judged(name: str, table: pd.DataFrame, grouping: Grouping, policy: Policy) -> Measure:
    definition, statistics = definition_of(name), policy.statistics
    family = policy.family(definition.measure, grouping.attribute)
    limit = policy.settings.exploratory.proxy_auc - _CHANCE
    margin = limit if family == "exploratory" else policy.margin(definition, grouping.attribute)
    guessable = _guessable(table, grouping, statistics)
    if guessable.problem:
        return insufficient(
            definition, attribute=grouping.attribute, family=family, margin=margin, note=guessable.problem
        )
    return judge(
        definition,
        _draws(guessable, grouping, statistics),
        attribute=grouping.attribute,
        family=family,
        margin=margin,
        statistics=statistics,
        against="tossing a coin",
        note=f"{guessable.note} {_FOLLOWS}".strip(),
    )


@dataclass(frozen=True, eq=False)
class _Guessable:
    """The customers whose attribute is guessed: known, with data, in a group that is large enough."""

    rows: pd.DataFrame
    codes: Codes
    n: Codes
    problem: str = ""
    note: str = ""


def _guessable(table: pd.DataFrame, grouping: Grouping, statistics: StatisticsSettings) -> _Guessable:
    known = grouping.codes < len(grouping.labels) - 1
    rows = _plain(table)
    held = ~_empty(rows)
    n = np.bincount(grouping.codes[known & held], minlength=len(grouping.labels)).astype(np.int64)
    large = np.flatnonzero(n >= max(statistics.min_n, _N_FOLDS))
    chosen = known & held & np.isin(grouping.codes, large)
    codes = grouping.codes[chosen]
    without = int((known & ~held).sum())
    return _Guessable(
        rows=rows[chosen].reset_index(drop=True),
        codes=codes,
        n=n,
        problem=_problem(table, rows[held], grouping.attribute, len(large), statistics),
        note=f"{without} customers of whom the table holds nothing are left out." if without else "",
    )


def _problem(
    table: pd.DataFrame, rows: pd.DataFrame, attribute: str, n_large: int, statistics: StatisticsSettings
) -> str:
    if table.columns.empty or rows.empty:
        return "The table holds nothing about any customer, so there is nothing to guess from."
    numbers = rows.select_dtypes("number").to_numpy(dtype=np.float64)
    broken = int((~np.isfinite(numbers)).any(axis=1).sum())
    if broken:
        return (
            f"The table holds numbers that are missing or infinite for {broken} of {len(rows)} customers, so it is not "
            "what a working model reads or gives. Look into the model, then audit again."
        )
    if n_large > statistics.max_levels:
        return (
            f"{attribute} has {n_large} groups; at most {statistics.max_levels} are judged. Put its levels into fewer "
            "groups under attributes in configs/fairness.yaml."
        )
    if n_large < 2:
        return (
            f"{attribute} is known of too few: {n_large} of its groups hold {statistics.min_n} customers or more, and "
            "two are needed to guess between."
        )
    return ""


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Bring a table to numbers and texts, customers by position."""
    columns = {
        str(name): values.astype(np.float64)
        if pd.api.types.is_numeric_dtype(values)
        else values.astype(object).where(values.notna(), "").astype(str)
        for name, values in table.reset_index(drop=True).items()
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(table)))


def _empty(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Tell who has no value in any column."""
    if rows.columns.empty:
        return np.ones(len(rows), dtype=np.bool_)
    return np.asarray((rows.isna() | (rows == "")).all(axis=1), dtype=np.bool_)


def _draws(guessable: _Guessable, grouping: Grouping, statistics: StatisticsSettings) -> GroupDraws:
    """Guess every customer's group out of fold, and resample the customers of each group."""
    groups, codes = np.unique(guessable.codes, return_inverse=True)
    scores, folds = _scores(guessable.rows, codes, statistics.seed)
    weights = np.empty((statistics.n_draws, len(codes)), dtype=np.float32)
    for group in range(len(groups)):
        members = codes == group
        weights[:, members] = customer_weights(int(members.sum()), statistics.n_draws, statistics.seed + group)
    values = np.full(len(grouping.labels), np.nan)
    draws = np.full((len(grouping.labels), statistics.n_draws), np.nan)
    values[groups] = auc_by_group(scores, codes, folds)[:, 0]
    draws[groups] = auc_by_group(scores, codes, folds, weights)
    return GroupDraws(labels=grouping.labels, n=guessable.n, events=guessable.n, values=values, draws=draws)


def _scores(rows: pd.DataFrame, codes: Codes, seed: int) -> tuple[Floats, Codes]:
    """Score every customer by a model that was fitted to other customers: (C, G) probabilities, and (C,) folds."""
    scores, folds = np.empty((len(codes), int(codes.max()) + 1)), np.empty(len(codes), dtype=np.int64)
    split = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=seed).split(rows, codes)
    for fold, (seen, unseen) in enumerate(split):
        guesser = _guesser(rows.iloc[seen], seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a fit cut short reads a little less
            guesser.fit(rows.iloc[seen], codes[seen])
        scores[unseen], folds[unseen] = guesser.predict_proba(rows.iloc[unseen]), fold
    return scores, folds


def _guesser(rows: pd.DataFrame, seed: int) -> Pipeline:
    """Logistic regression on ranks and on one column per text; how much it is held back is chosen within each fold."""
    numbers = rows.select_dtypes("number").columns
    texts = rows.columns.difference(numbers)
    ranks = make_pipeline(QuantileTransformer(n_quantiles=min(_N_QUANTILES, len(rows))), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    inner = StratifiedKFold(_N_INNER_FOLDS, shuffle=True, random_state=seed)
    logistic = LogisticRegressionCV(
        Cs=list(_STRENGTHS),
        l1_ratios=(0.0,),
        cv=inner,
        scoring="roc_auc_ovr",
        max_iter=_MAX_ITERATIONS,
        use_legacy_attributes=False,
    )
    return make_pipeline(make_column_transformer((ranks, list(numbers)), (one_hot, list(texts))), logistic)
