"""What a model promises about the people it was trained on: one record for bundle, model card, and whoever asks.

Reading one needs no accountant; `privacy.stating` makes one.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from privacy.errors import StatementUnreadable

STATEMENT_FILE: Final = "privacy_statement.json"  # among the texts of a bundle
UNIT: Final = "customer"
ADJACENCY: Final = "add-or-remove-one-customer"

NOT_COVERED: Final = (
    "What is shown to a customer from that customer's own history: it goes to that customer and is meant to depend on "
    "it.",
    "Lists handed out for other purposes, such as segment exports, and the shop's own records: event journal, record "
    "of answers, logs, backups.",
    "What is true of people in general: if many who buy flour buy yeast, the model may say so, with or without you.",
    "Several people who agree to share or leave out their data together: the promise is about one customer.",
    "Anything released outside the ledger, or by a version of the code other than the one that was accounted for.",
    "Fairness and privacy audits: they read the same customers, are shown to few, and are not part of this epsilon.",
)
_NO_PROMISE: Final = (
    "Everything: without differential privacy nothing bounds how much the model, or what it shows to others, reveals "
    "about one person.",
    "In particular: whoever holds the model may be able to tell whether somebody's purchases are in it, and what is "
    "rare in them may show in what others are recommended or in what is forecast.",
)
_OTHER_MEANS: Final = (
    "The model is handed to the server and to the people who run it alone; over HTTP every route asks for a role.",
    "The bundle names products and no customer; where customers are named elsewhere, it is by keyed pseudonyms.",
    "Somebody who is erased is gone from the data at once, and the models that may have learnt from them are replaced "
    "by the date that the receipt of the erasure gives.",
    "These are rules and fences: unlike a guarantee they hold only as long as everybody keeps to them.",
)
_LARGEST_EXPONENT: Final = 700.0  # beyond it there is no such number, and no promise worth the name
_OUTSIDERS: Final = 1000  # one outsider in so many is wrongly taken for a customer, in the words for the promise


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Charge(_Part):
    """One release, and what it would cost by itself; such figures do not add up to the whole."""

    what: str
    epsilon_alone: float


class Assumption(_Part):
    """What the accountant takes for granted, and how the pipeline sees to it."""

    assumes: str
    met_by: str


class CrossCheck(_Part):
    """What another accountant says of the same releases."""

    accountant: str
    epsilon: float


class ComposedTotal(_Part):
    """What everything released about these customers cost together when the statement was made, this model included."""

    lineage: str
    window_start: datetime
    window_end: datetime
    epsilon: float
    delta: float
    cap_epsilon: float
    lifetime_epsilon: float


class Statement(_Part):
    """The privacy statement of one model.

    Attributes:
        setting: Who holds the data, who sees what: the trust model, in words.
        mechanism: `dp-sgd` trained with noise; `dp-counts` released noisy counts alone; `none` promises nothing.
        unit: Who is protected: all records of one customer, not one purchase.
        adjacency: Which two data sets must be hard to tell apart.
        epsilon: Bound of the whole model, statistics included, at `delta`.
        delta: Chance that the bound fails.
        mu: Gaussian-DP parameter whose curve lies over the model's.
        curve: (epsilon, delta) pairs that hold at once.
        accountant: What reckoned epsilon.
        cross_checks: What other accountants say.
        charges: Every release, with its cost by itself.
        covered: What the promise is about, in plain words.
        not_covered: What it is not about.
        other_means: Where nothing is promised, what protects people instead; no bound, and not in the guarantee.
    """

    setting: str
    mechanism: Literal["none", "dp-sgd", "dp-counts"]
    unit: Literal["customer"] = UNIT
    adjacency: str = ADJACENCY
    epsilon: float | None = None
    delta: float | None = None
    mu: float | None = None
    curve: tuple[tuple[float, float], ...] = ()
    accountant: str | None = None
    cross_checks: tuple[CrossCheck, ...] = ()
    sample_rate: float | None = None
    noise_multiplier: float | None = None
    max_grad_norm: float | None = None
    steps: int | None = None
    expected_batch_size: int | None = None
    charges: tuple[Charge, ...] = ()
    composed_total: ComposedTotal | None = None
    assumptions: tuple[Assumption, ...] = ()
    covered: tuple[str, ...] = ()
    not_covered: tuple[str, ...] = Field(min_length=1)
    other_means: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _figures_back_the_claim(self) -> Self:
        """Refuse a promise without its figures, and figures where nothing is promised."""
        figures = {"epsilon": self.epsilon, "delta": self.delta, "mu": self.mu, "accountant": self.accountant}
        promises = self.mechanism != "none"
        wrong = sorted(name for name, figure in figures.items() if (figure is not None) != promises)
        if wrong:
            raise ValueError(f"{self.mechanism} {'lacks' if promises else 'has'} {', '.join(wrong)}")
        return self

    def to_json(self) -> str:
        """Write it down for a bundle."""
        return self.model_dump_json(indent=2) + "\n"


def read_statement(text: str) -> Statement:
    """Read what `Statement.to_json` wrote.

    Raises:
        StatementUnreadable: If it is not a statement.
    """
    try:
        return Statement.model_validate_json(text)
    except ValidationError as failure:
        first = failure.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the text"
        raise StatementUnreadable(problem=f"{place}: {first['msg']}") from None


def no_promise(setting: str) -> Statement:
    """State that there is no guarantee, which is not the same as saying nothing.

    Args:
        setting: How the model was trained, in words.
    """
    return Statement(setting=setting, mechanism="none", not_covered=_NO_PROMISE, other_means=_OTHER_MEANS)


def in_short(mechanism: str, unit: str, epsilon: float | None, delta: float | None) -> str:
    """Say in one sentence what is promised, or that nothing is.

    >>> in_short("none", "customer", None, None)
    'No formal guarantee: nothing bounds how much this model reveals about one customer.'
    """
    if mechanism == "none" or epsilon is None or delta is None:
        return f"No formal guarantee: nothing bounds how much this model reveals about one {unit}."
    return (
        f"For any one {unit}, the chance of any outcome of training changes by a factor of at most e^{epsilon:.2f} "
        f"when all records of that {unit} are added or removed, except with probability {delta:.0e}."
    )


def in_words(statement: Statement) -> str:
    """Write the statement for people, in Markdown; for the model card and the command line."""
    parts = [statement.setting]
    if statement.mechanism == "none":
        parts.append("There is no guarantee of differential privacy.")
    else:
        parts += [f"The promise: {_short(statement)}", *_meanings(statement), _figures(statement)]
    for title, lines in (
        ("Covered", statement.covered),
        ("Not covered", statement.not_covered),
        ("What protects people by other means", statement.other_means),
        ("What the figures rest on", [f"{one.assumes} Met: {one.met_by}" for one in statement.assumptions]),
    ):
        if lines:
            parts.append(_listed(title, lines))
    return "\n\n".join(parts)


def _short(statement: Statement) -> str:
    return in_short(statement.mechanism, statement.unit, statement.epsilon, statement.delta)


def _meanings(statement: Statement) -> list[str]:
    """Say what (epsilon, delta) means for somebody who guesses.

    Source: Kairouz, Oh and Viswanath (2015), theorem 2.1, for guesses with even chances and for a test of size alpha.
    """
    if statement.epsilon is None or statement.delta is None:
        return []
    factor = math.exp(min(statement.epsilon, _LARGEST_EXPONENT))
    right = (factor + statement.delta) / (1 + factor)
    found = min(1.0, factor / _OUTSIDERS + statement.delta)
    return [
        f"What that means: whoever thinks it as likely as not that a given {statement.unit} is in the data, sees the "
        f"whole model and guesses, is right at most {right:.1%} of the time. A test that takes one outsider in "
        f"{_OUTSIDERS:,} for a {statement.unit} of the data finds at most {found:.1%} of those who are in it. Both "
        "hold for the worst case, whatever else the guesser knows."
    ]


def _figures(statement: Statement) -> str:
    lines = [
        f"epsilon {statement.epsilon:.3f} at delta {statement.delta:.0e}, mu {statement.mu:.3f}, "
        f"{statement.mechanism}, {statement.adjacency}, by {statement.accountant}",
        *_curve(statement),
        *_constants(statement),
        *(f"{one.accountant} says epsilon {one.epsilon:.3f}" for one in statement.cross_checks),
        *(f"{one.what}: epsilon {one.epsilon_alone:.3f} by itself" for one in statement.charges),
    ]
    total = statement.composed_total
    if total is not None:
        lines.append(
            f"all releases about these customers from {total.window_start:%Y-%m-%d} to {total.window_end:%Y-%m-%d}, "
            f"this model included: epsilon {total.epsilon:.3f} of {total.cap_epsilon:.2f}; ever: "
            f"{total.lifetime_epsilon:.3f}; what was charged later is in `fairshelf privacy budget`"
        )
    return _listed("Figures", lines)


def _curve(statement: Statement) -> list[str]:
    points = ", ".join(f"{epsilon:.2f} at {delta:.0e}" for epsilon, delta in statement.curve)
    return [f"epsilon at other deltas, all of which hold at once: {points}"] if points else []


def _constants(statement: Statement) -> list[str]:
    if statement.steps is None:
        return []
    return [
        f"{statement.steps} steps, each with every {statement.unit} drawn with chance {statement.sample_rate:g}, "
        f"clipped to {statement.max_grad_norm:g}, noise {statement.noise_multiplier:.3f} times that, divided by "
        f"{statement.expected_batch_size}: public constants"
    ]


def _listed(title: str, lines: Sequence[str]) -> str:
    return f"{title}:\n\n" + "\n".join(f"- {line}" for line in lines)
