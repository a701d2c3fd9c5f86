"""What can go wrong where people's data is kept apart."""

from collections.abc import Sequence
from pathlib import Path


class PrivacyError(Exception):
    """A privacy store or key cannot do what was asked."""


class KeyMissing(PrivacyError):
    """A secret key is not there and may not be made."""

    def __init__(self, *, path: Path, supply: str, setting: str = "privacy.create_missing_keys") -> None:
        super().__init__(
            f"no key at {path}. {supply}, readable by its owner alone (chmod 600), "
            f"or set {setting}=true to let development make its own."
        )


class KeyUnusable(PrivacyError):
    """A key file is there but does not hold a key."""

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} does not hold a usable key: {problem}. Restore it from a backup; "
            "a new key neither gives customers the pseudonyms they have nor fits what the old one signed."
        )


class PseudonymKeyUnknown(PrivacyError):
    """The version asked for new pseudonyms has no key."""

    def __init__(self, *, version: int, known: Sequence[int]) -> None:
        listed = ", ".join(str(key_version) for key_version in known) or "none"
        super().__init__(
            f"no pseudonym key of version {version}; known versions: {listed}. "
            "Supply its key file or set privacy.pseudonym_key_version to a known one."
        )


class VaultAccessDenied(PrivacyError):
    """A role that may not see source ids asked for them."""

    def __init__(self, *, role: str, allowed: Sequence[str]) -> None:
        super().__init__(
            f"role {role!r} may not turn pseudonyms into source ids; allowed: {', '.join(allowed)}. "
            "Ask someone with one of these roles; the attempt is in the audit log."
        )


class VaultReasonMissing(PrivacyError):
    """Source ids were asked for without saying why."""

    def __init__(self) -> None:
        super().__init__("pseudonyms are turned back only for a stated reason. Give a reason of one character or more.")


class AuditLogBroken(PrivacyError):
    """The audit log was edited, cut or reordered."""

    def __init__(self, *, path: Path, line: int, problem: str) -> None:
        super().__init__(
            f"{path} is not as it was written: line {line} {problem}. Keep the file as evidence, "
            "restore the last good copy and find out who could write there."
        )


class PurposeUnknown(PrivacyError):
    """A consent names a purpose that nobody defined."""

    def __init__(self, *, purpose: str, known: Sequence[str]) -> None:
        super().__init__(f"unknown purpose {purpose!r}. Use one of: {', '.join(known)}.")


class TimeWithoutZone(PrivacyError):
    """A moment was given without its time zone."""

    def __init__(self, *, field: str) -> None:
        super().__init__(f"{field} carries no time zone. Pass an aware time, for instance datetime.now(UTC).")


class SealBroken(PrivacyError):
    """Sealed data cannot be opened with this key."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(
            f"the sealed data cannot be opened: {problem}. Use the private key that belongs to the public key of the "
            "ingest, or ingest again if the file is damaged."
        )
