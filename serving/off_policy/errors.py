"""Why decisions on record say nothing about a policy."""

from pathlib import Path

from serving.errors import ServingError


class ListsTooFew(ServingError):
    """No list on record can be judged."""

    def __init__(self, *, n_decisions: int, placement: str, reward_days: int) -> None:
        super().__init__(
            f"none of {n_decisions} decisions on record is a personalised list for {placement!r} that was shown at "
            f"least {reward_days} days ago to somebody who allows model training. Wait until purchases have followed, "
            "or lower evaluation.policy.reward_days."
        )


class TargetListsBroken(ServingError):
    """A file of lists to judge cannot be used."""

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} cannot be used as the lists of a policy: {problem}. Give Parquet or CSV with customer_id, rank "
            "(from 1) and product_id, as `fairshelf evaluate recommender` writes, and propensity where lists are drawn."
        )
