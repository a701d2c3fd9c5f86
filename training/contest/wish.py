"""What is asked of a contest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from configs.settings import Settings
from training.contest.errors import NobodyContends
from training.contest.result import Discipline

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Wish:
    """What is asked of a contest.

    Attributes:
        settings: All sections.
        task: What is compared.
        train_until: Cut-off; None holds `evaluation.test_weeks` back at the end of the data.
        peers: Names of peers; None takes all, an empty list none; of lists alone.
        version: Whose recipe ours is trained by: a version's number or `champion`; None takes today's settings. A
            version that was trained on these very rows is taken as it is, and its cost of fitting is that of loading.
        ours: Whether ours takes part.
        tune: Whether peers are tuned though their points are on record.
    """

    settings: Settings
    task: Discipline
    train_until: datetime | None
    peers: Sequence[str] | None
    version: str | None
    ours: bool
    tune: bool

    @property
    def our_title(self) -> str:
        """What tables call ours."""
        return "two-tower" if self.version is None else f"two-tower, {self.version}"

    def require_contenders(self, n_peers: int) -> None:
        """Refuse a contest without anybody.

        Raises:
            NobodyContends: If neither ours nor any peer is to take part.
        """
        if not self.ours and not n_peers:
            raise NobodyContends()
