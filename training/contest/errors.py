"""What can keep a version of ours out of a contest, and what to do about it."""

from collections.abc import Sequence

from training.errors import TrainingError
from training.peers.errors import PeerLeftOut


class DisciplineUnknown(TrainingError):
    """A contest was asked for that there is not."""

    def __init__(self, *, name: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no contest of {name!r}. Choose --task from: {', '.join(known)}.")


class NobodyContends(TrainingError):
    """A contest was asked for in which nobody takes part."""

    def __init__(self) -> None:
        super().__init__("nobody takes part: 0 peers, and ours is left out. Name some in --peers, or drop --no-ours.")


class RecipeOutdated(TrainingError):
    """A version was trained under settings that this release no longer reads."""

    def __init__(self, *, name: str, version: str, problem: str) -> None:
        super().__init__(
            f"the settings recorded with {name} version {version} do not fit this release: {problem}. "
            "Choose a newer --version, or leave it out to contest with the settings of today."
        )


class RecipeUnrecorded(TrainingError):
    """A version's manifest lacks settings that training needs."""

    def __init__(self, *, name: str, version: str, missing: str) -> None:
        super().__init__(
            f"the manifest of {name} version {version} does not record the section {missing}. "
            "Choose another --version, or leave it out to contest with the settings of today."
        )


class TowersHidden(PeerLeftOut):
    """A private version was asked for what its public product vectors do not hold."""

    def __init__(self) -> None:
        super().__init__(
            "a private version is left out: its product vectors are public and cannot be made for a new product. "
            "Choose another --version, or leave it out to contest with the settings of today."
        )
