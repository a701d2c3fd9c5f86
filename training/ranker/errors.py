"""What can go wrong while a ranker is made."""

from training.errors import TrainingError


class NothingToLearn(TrainingError):
    """Too few candidates were bought in the training windows."""

    def __init__(self, *, head: str, n_positives: int, least: int) -> None:
        super().__init__(
            f"the {head} head has {n_positives} bought candidates to learn from, at least {least} are needed. "
            "Choose a later --train-until or raise ranker.target_days."
        )
