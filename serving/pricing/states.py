"""The states of a price suggestion and the moves between them."""

from collections.abc import Mapping
from typing import Final, Literal

Status = Literal["pending_approval", "approved", "rejected", "overridden", "published", "superseded"]
Move = Literal["approve", "reject", "override", "publish", "supersede"]

PENDING: Final = "pending_approval"
APPROVED: Final = "approved"
REJECTED: Final = "rejected"
OVERRIDDEN: Final = "overridden"
PUBLISHED: Final = "published"
SUPERSEDED: Final = "superseded"

APPROVE: Final = "approve"
REJECT: Final = "reject"
OVERRIDE: Final = "override"
PUBLISH: Final = "publish"
SUPERSEDE: Final = "supersede"

MOVES: Final[Mapping[Status, Mapping[Move, Status]]] = {
    PENDING: {APPROVE: APPROVED, REJECT: REJECTED, OVERRIDE: OVERRIDDEN},
    OVERRIDDEN: {APPROVE: APPROVED, REJECT: REJECTED},
    APPROVED: {PUBLISH: PUBLISHED, SUPERSEDE: SUPERSEDED},
    PUBLISHED: {SUPERSEDE: SUPERSEDED},
    REJECTED: {},
    SUPERSEDED: {},
}

BINDING: Final = (APPROVED, PUBLISHED)  # states whose validity nothing else may overlap


def target(status: Status, move: Move) -> Status | None:
    """Give the state that a move leads to; None where the move is not allowed.

    >>> target("pending_approval", "approve"), target("rejected", "approve")
    ('approved', None)
    """
    return MOVES[status].get(move)


def allowed_moves(status: Status) -> tuple[Move, ...]:
    """List what a person may do with a suggestion now; only the service itself supersedes.

    >>> allowed_moves("approved")
    ('publish',)
    """
    return tuple(move for move in MOVES[status] if move != SUPERSEDE)
