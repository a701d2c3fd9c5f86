"""Answers about the models on this server."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from serving.schemas import Answer, Request
from serving.schemas_recommend import PrivacyOut


class ModelVersionOut(Answer):
    """One bundle on disk."""

    name: str
    version: str
    champion: bool = Field(description="Named by the champion pointer.")
    serving: bool = Field(description="Loaded and answering in this process.")
    trained_at: datetime | None
    bundle_digest: str | None
    fairness_report_id: str | None = Field(description="The report that travels with the bundle.")
    cleared: bool = Field(description="Whether that report lets the bundle serve now.")
    cleared_until: datetime | None = Field(description="When the report grows too old or a waiver it needs ends.")
    reasons: tuple[str, ...] = Field(description="Why it is not cleared, all of it.")
    retrain_by: datetime | None = Field(
        description="When a version trained without erased people must have taken its place; null where it knows none."
    )
    privacy: PrivacyOut
    statement: dict[str, Any] | None = Field(
        default=None,
        description="The privacy statement as the bundle holds it, in the answer about one version; null in lists, and "
        "where it is not as it was written.",
    )
    problem: str | None = Field(description="Why the bundle cannot be used, where it cannot.")
    facts: dict[str, Any] = Field(description="The bundle's manifest, without the list of its files.")


class ModelsAnswer(Answer):
    """The bundles on disk, by name and newest version first."""

    models: tuple[ModelVersionOut, ...]
    next_cursor: str | None


class ModelsQuery(Request):
    """Which page of the list."""

    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    cursor: Annotated[str, Field(min_length=1, max_length=512)] | None = None
