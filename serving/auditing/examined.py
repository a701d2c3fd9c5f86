"""What looking at a version's privacy claim gives, whichever model it is of."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from privacy.auditing.errors import VersionOutdated
from privacy.auditing.record import Claim, Finding
from training.artifact import Bundle
from training.two_tower.private_membership import AttackedRelease

Section = TypeVar("Section", bound=BaseModel)


class MembershipReport(BaseModel):
    """Attacks on real customers: exact figures, for the audit role alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    version: str
    created_at: datetime
    n_customers: int
    note: str
    attacked: tuple[AttackedRelease, ...]


@dataclass(frozen=True)
class Examined:
    """One version's claim, and what was found.

    Attributes:
        claim: What it promises.
        findings: Of made-up customers; these decide.
        notes: What was looked at, and what no test here can see.
        membership: Attacks on real customers; None where none says more than the findings.
    """

    claim: Claim
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    membership: MembershipReport | None


def settings_of_version(bundle: Bundle, name: str, section: type[Section]) -> Section:
    """Read a section of the settings that a version was trained with.

    Raises:
        VersionOutdated: If other code trained it.
    """
    manifest = bundle.manifest
    try:
        return section.model_validate(manifest.settings[name])
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
        problem = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
        raise VersionOutdated(name=manifest.name, version=manifest.version, problem=problem) from None
