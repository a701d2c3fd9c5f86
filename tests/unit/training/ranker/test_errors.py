"""Messages of the ranker's errors."""

from training.errors import TrainingError
from training.ranker.errors import NothingToLearn


def test_the_message_names_head_value_limit_and_next_step() -> None:
    failure = NothingToLearn(head="novel", n_positives=3, least=10)
    assert isinstance(failure, TrainingError)
    for fact in ("novel", "3 bought", "at least 10", "ranker.target_days"):
        assert fact in str(failure)
