"""What an audit says of one measure: groups, contrast, verdict. The shape is that of the report's JSON."""

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

Surface = Literal["recommendations", "prices", "segments", "proxies"]
Family = Literal["invariant", "primary", "exploratory"]
Verdict = Literal["PASS", "FAIL", "INSUFFICIENT"]
Kind = Literal["ratio", "difference"]
Reference = Literal["groups", "ideal"]
Side = Literal["both", "low", "high"]
Interval = tuple[float, float]

UNKNOWN: Final = "unknown"  # the group of those whose attribute is not known


class Record(BaseModel):
    """A frozen record of the report; what is not known is null, never NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GroupResult(Record):
    """One group's figure.

    Attributes:
        group: Its name.
        n: Customers (or products, where the measure says so) behind it; None when suppressed.
        events: What was counted in it: purchases, campaigns, redemptions; None when suppressed or not counted.
        value: The figure; None when suppressed or undefined.
        interval_95: Percentile interval over resampled customers of the group.
        suppressed: Whether the cell is too small to be shown, or hides one that is.
        bounds: Lowest and highest value the group could have, wherever the unknown belong; None where not reckoned.
        pooled: The value drawn towards what its parts predict, for cells of an intersection; None elsewhere.
    """

    group: str
    n: int | None
    events: int | None
    value: float | None
    interval_95: Interval | None
    suppressed: bool = False
    bounds: Interval | None = None
    pooled: float | None = None


class Contrast(Record):
    """The comparison that the verdict rests on.

    Attributes:
        kind: Ratio of worst to best, or difference of worst and best; `worst` is the group that fares worse.
        worst_group: None where nothing could be compared.
        best_group: The other group, or the words for the ideal that a group is held against.
        interval_95: Simultaneous over all pairs of groups, so choosing the worst pair does not flatter it.
        p_value: Of no difference at all between the groups (or from the ideal), customers resampled.
        p_adjusted: Holm within the primary family, Benjamini-Hochberg within the exploratory one.
        minimum_detectable: The smallest disparity (as a ratio below 1, or as a difference) that this sample tells
            from none with the power of the policy.
    """

    kind: Kind
    worst_group: str | None
    best_group: str | None
    value: float | None
    interval_95: Interval | None
    p_value: float | None
    p_adjusted: float | None = None
    minimum_detectable: float | None


class Measure(Record):
    """One measure by one attribute, judged."""

    surface: Surface
    measure: str
    attribute: str | None
    family: Family
    unit: str
    ideal: float | None
    groups: tuple[GroupResult, ...]
    contrast: Contrast | None
    margin: float | None
    verdict: Verdict
    note: str

    @property
    def key(self) -> str:
        """`measure by attribute`, which names a measure within a report."""
        return f"{self.measure} by {self.attribute}" if self.attribute else self.measure


@dataclass(frozen=True)
class Definition:
    """What a measure is, apart from any data.

    Attributes:
        surface: Where it belongs.
        measure: Its name, as in the literature and in the report.
        title: A few plain words for people who are no engineers.
        meaning: One or two plain sentences: what the figure says, and what it does not.
        unit: Of the figure, such as `share`, `NDCG`, `USD per head`.
        ideal: The figure (reference `ideal`), or the contrast (ratio 1, difference 0), that harms nobody.
        kind: How groups are compared.
        reference: Groups with each other, or each group with the ideal.
        side: For differences from the ideal: which side counts as harm.
        more_is_better: Whether a higher figure is better for the group, which decides who is called worst.
        source: Where the measure comes from.
    """

    surface: Surface
    measure: str
    title: str
    meaning: str
    unit: str
    ideal: float
    kind: Kind
    source: str
    reference: Reference = "groups"
    side: Side = "both"
    more_is_better: bool = True
