"""What the routes about one person refuse; `serving.problems` says how each is answered."""

from serving.errors import Refusal


class ErasureUnknown(Refusal):
    """No erasure is on record under an id."""

    def __init__(self, *, erasure_id: str) -> None:
        super().__init__(f"no erasure {erasure_id!r} is on record. Use the id in the answer that started it.")


class ErasureKeysUnusable(Refusal):
    """The pair of keys that signs receipts is missing or does not fit."""

    def __init__(self, *, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            "this server lacks the key that signs receipts of erasures, so nothing of this request was kept. "
            "Ask the operator to supply it; `fairshelf doctor` names the file."
        )


class PersonErased(Refusal):
    """A decision of a person who was erased cannot be kept under the old id."""

    def __init__(self) -> None:
        super().__init__(
            "the person of this id was erased on request, so nothing is recorded under it any more. Give a person who "
            "comes back a new id."
        )


class ConsentTimeInvalid(Refusal):
    """A consent would not come after what is on file."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(f"{problem.rstrip('.')}. Send it again once that is so; nothing of this request was kept.")
