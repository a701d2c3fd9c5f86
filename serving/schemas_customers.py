"""Requests and answers about one person: consents, access and erasure."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from privacy.forgetting.receipts import Receipt
from serving.schemas import Answer, Flag, Name, Request

Purpose = Literal["personalization", "marketing", "model_training", "price_personalization"]
SubjectKind = Literal["customer", "visitor"]


class ConsentIn(Request):
    """A decision for one purpose."""

    purpose: Purpose
    granted: Flag
    version: Name = Field(description="Version of the text the person saw.", examples=["c-7"])
    source: Name = Field(description="Where the person decided.", examples=["account page"])


class Objection(Request):
    """A refusal that needs no list of purposes."""

    version: Name = Field(description="Version of the text the person saw.", examples=["c-7"])
    source: Name = Field(description="Where the person decided.", examples=["call centre"])


class ConsentsRequest(Request):
    """What a person decides; it holds from the next call and the next training on."""

    subject: SubjectKind = Field(default="customer", description="Whose id the path holds.")
    consents: Annotated[tuple[ConsentIn, ...], Field(max_length=16)] = ()
    do_not_profile: Objection | None = Field(
        default=None,
        description="Refuses personalization, model_training and price_personalization; says nothing about contact.",
    )
    do_not_contact: Objection | None = Field(
        default=None, description="Refuses marketing; says nothing about profiles."
    )


class ConsentOut(Answer):
    """Where a purpose stands; never decided means not granted."""

    purpose: Purpose
    granted: bool
    on_file: bool
    version: str | None
    source: str | None
    since: datetime | None


class ConsentsAnswer(Answer):
    """Every purpose as it stands after the call."""

    subject: SubjectKind
    consents: tuple[ConsentOut, ...]
    do_not_profile: bool = Field(description="No purpose that profiles is granted.")
    do_not_contact: bool = Field(description="Marketing is not granted.")


class ErasureRequest(Request):
    """How to take a person's data away."""

    mode: Literal["erase", "anonymise"] = Field(
        default="erase",
        description="`erase` removes every row; `anonymise` destroys the link and keeps purchases under a random id.",
    )


class ErasureAnswer(Answer):
    """Where an erasure stands; the same for an id that nobody knows."""

    erasure_id: str
    state: Literal["pending", "done"]
    mode: Literal["erase", "anonymise"]
    meaning: str = Field(description="What the mode does, in words.")
    kept: tuple[str, ...] = Field(description="What is kept nevertheless, and why.")
    requested_at: datetime
    finished_at: datetime | None
    stores_done: tuple[str, ...]
    receipt: Receipt | None = Field(description="Signed; null until the erasure is done.")


class HeldModel(Answer):
    """A model version that may have learnt from the person."""

    name: str
    version: str
    trained_at: datetime
    mechanism: str
    note: str


class HeldElsewhere(Answer):
    """What a store holds that has no field of its own."""

    store: str
    records: tuple[dict[str, Any], ...]


class CustomerAnswer(Answer):
    """Everything held about one person; all of it empty for an id that nobody knows."""

    customer_id: str
    generated_at: datetime
    profile: dict[str, Any] | None = Field(description="What was computed from the purchases, as served.")
    history: dict[str, Any] | None = Field(description="Products of the history and session, as served.")
    purchases: tuple[dict[str, Any], ...]
    events: tuple[dict[str, Any], ...]
    consents: tuple[dict[str, Any], ...]
    decisions: tuple[dict[str, Any], ...]
    exports: tuple[dict[str, Any], ...]
    identities: tuple[dict[str, Any], ...]
    models: tuple[HeldModel, ...]
    other: tuple[HeldElsewhere, ...]
    not_shown: tuple[str, ...] = Field(description="What is not in this answer, and why.")
