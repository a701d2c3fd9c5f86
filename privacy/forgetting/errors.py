"""What can go wrong when people are erased."""

from pathlib import Path

from privacy.errors import PrivacyError


class CompactionBlocked(PrivacyError):
    """A database could not be made to forget what was deleted, because others kept it busy."""

    def __init__(self, *, path: Path, waited_s: float) -> None:
        super().__init__(
            f"{path} was in use for {waited_s:g} seconds, so deleted rows are still in the file. Stop long-running "
            "readers or the server, then run the command again (`fairshelf privacy erase --resume` for an erasure)."
        )


class ErasureUnknown(PrivacyError):
    """There is no erasure of this id."""

    def __init__(self, *, erasure_id: str) -> None:
        super().__init__(f"no erasure {erasure_id!r} is on record. Check the id in the answer that started it.")


class ErasureIncomplete(PrivacyError):
    """A store still holds rows of erased people after two passes."""

    def __init__(self, *, store: str, n_left: int) -> None:
        super().__init__(
            f"{store} still holds {n_left} row(s) that should be gone. Find out what writes there, stop it, then run "
            "`fairshelf privacy erase --resume`; until then the erasure stays unfinished."
        )


class ErasureKeyReused(PrivacyError):
    """An idempotency key came with another erasure than the first time."""

    def __init__(self) -> None:
        super().__init__("this idempotency key came with another request before. Send a new key with a new request.")


class SearchFailed(PrivacyError):
    """A file could not be looked through, so nothing can be said of it."""

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} could not be looked through: {problem}. Restore or remove the file and search again; "
            "without it nobody can say that nothing is left."
        )
