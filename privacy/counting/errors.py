"""What can go wrong when customers are counted for people outside the audit role."""

from privacy.errors import PrivacyError


class QuestionUnclear(PrivacyError):
    """A definition of who is counted cannot be brought to one form."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(
            f"who is to be counted cannot be told: {problem}. Give it as text, finite numbers, true or false, "
            "lists and mappings of these alone."
        )


class CountNotWhole(PrivacyError):
    """What was to be released as a count is none."""

    def __init__(self, *, kind: str) -> None:
        super().__init__(
            f"a count of customers must be a whole number from 0, and a {kind} was given that is none. "
            "Pass the number of distinct customers, each counted once."
        )
