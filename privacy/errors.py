"""What can go wrong where people's data is kept apart."""

from collections.abc import Sequence
from datetime import datetime
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


class KeyLost(PrivacyError):
    """A secret key is gone that something on file was made with, so that no new one can take its place."""

    def __init__(self, *, path: Path, made: str) -> None:
        super().__init__(
            f"the key at {path} is gone, and {made}. Restore it from a backup or a secret store; "
            "without it start anew with an empty storage.root."
        )


class KeyUnusable(PrivacyError):
    """A key file is there but does not hold a key."""

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} does not hold a usable key: {problem}. Restore it from a backup; "
            "a new key neither gives customers the pseudonyms they have nor fits what the old one signed."
        )


class KeyPairMismatch(PrivacyError):
    """A private and a public key file belong to different pairs."""

    def __init__(self, *, private: Path, public: Path) -> None:
        super().__init__(
            f"{private} and {public} are not halves of one pair, so nothing signed here would be believed. "
            "Restore both from one backup, or supply the pair anew and sign again."
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


class PrivacyParameterInvalid(PrivacyError):
    """A constant of a privacy guarantee is out of range."""

    def __init__(self, *, field: str, value: float, low: float, high: float) -> None:
        super().__init__(f"{field} is {value:g}; it must lie from {low:g} to {high:g}. Give a value in that range.")


class TargetUnreachable(PrivacyError):
    """No amount of noise in training brings the whole under the epsilon that was asked for."""

    def __init__(self, *, target_epsilon: float, delta: float, floor: float) -> None:
        super().__init__(
            f"epsilon={target_epsilon:g} at delta={delta:.0e} cannot be met: even with the most noise the whole costs "
            f"epsilon={floor:.3g}. Raise the target, take fewer steps, or spend less on statistics."
        )


class CrossCheckUnavailable(PrivacyError):
    """The accountant that checks the first one does not know a mechanism."""

    def __init__(self, *, accountant: str, mechanism: str) -> None:
        super().__init__(
            f"the {accountant} accountant does not know {mechanism} noise. "
            "Use the PLD accountant, which does, or check the Gaussian releases by themselves."
        )


class BudgetExceeded(PrivacyError):
    """A run asked for more privacy budget than the ledger has left."""

    def __init__(self, *, run: str, requested: float, remaining: float, cap: float, delta: float) -> None:
        super().__init__(
            f"run {run!r} asks for epsilon={requested:.2f}; {remaining:.2f} of {cap:.2f} is left at delta={delta:.0e}. "
            "Lower max_steps, raise noise_multiplier, or wait for the next window."
        )


class LedgerBroken(PrivacyError):
    """The ledger of the privacy budget was edited, cut or replaced."""

    def __init__(self, *, row: int, problem: str) -> None:
        super().__init__(
            f"the ledger of the privacy budget is not as it was written: row {row} {problem}. Nothing is charged or "
            "released on it. Keep it as evidence, restore the last good copy and find out who could write there."
        )


class ClockMovedBack(PrivacyError):
    """The clock shows a time before the ledger's last entry, so that nobody can tell which window it is."""

    def __init__(self, *, now: datetime, last: datetime) -> None:
        super().__init__(
            f"the clock says {now:%Y-%m-%d %H:%M:%S} UTC, but the ledger of the privacy budget was last written at "
            f"{last:%Y-%m-%d %H:%M:%S} UTC. Set the clock right and run the command again."
        )


class LedgerTextInvalid(PrivacyError):
    """A name for the ledger is empty, too long, or holds what cannot be read."""

    def __init__(self, *, field: str, length: int, limit: int) -> None:
        super().__init__(
            f"{field} has {length} characters, or some that do not print; the ledger takes 1 to {limit} that do. "
            "Give a shorter, plain name."
        )


class ReservationUnknown(PrivacyError):
    """The ledger holds no such reservation."""

    def __init__(self, *, reservation: str) -> None:
        super().__init__(
            f"the ledger of the privacy budget holds no reservation {reservation!r}. "
            "See `fairshelf privacy budget` for those there are. Name one of them, or reserve anew."
        )


class ReservationClosed(PrivacyError):
    """A reservation is in a state from which the wanted move is not possible."""

    def __init__(self, *, reservation: str, state: str, move: str) -> None:
        super().__init__(
            f"reservation {reservation!r} is {state}, so it cannot be {move}: budget goes from reserved to accessed to "
            "committed, and is given back before the first access alone. Make a new reservation for a new run."
        )


class ChargeExceedsReservation(PrivacyError):
    """A run released more than it had reserved; the ledger has charged the surplus."""

    def __init__(self, *, run: str, reserved: float, spent: float) -> None:
        super().__init__(
            f"run {run!r} reserved epsilon={reserved:.2f} and says it spent {spent:.2f}; the ledger has charged what "
            "was not reserved too. Throw the result away, and reserve every release before the data are read."
        )


class StatementUnreadable(PrivacyError):
    """A privacy statement is not in its form."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(
            f"the privacy statement cannot be read: {problem}. Restore the bundle from a backup or train again."
        )


class DpLossRefused(PrivacyError):
    """A loss for which clipping per person bounds nothing."""

    def __init__(self, *, loss: str, reason: str) -> None:
        super().__init__(
            f"{loss} cannot be trained privately: {reason}, so the noise would hide nobody and the epsilon would be "
            "void. Use a PerCustomerLoss, such as CatalogueSoftmax, with a public or released prior."
        )


class DpModelRefused(PrivacyError):
    """A model in which people of a batch meet before their gradients are clipped."""

    def __init__(self, *, problems: Sequence[str]) -> None:
        listed = "".join(f"\n- {problem}" for problem in problems)
        super().__init__(
            f"the model cannot be trained privately:{listed}\n"
            "Replace these layers; layer normalisation mixes nobody. Make what shall learn trainable."
        )


class DpSamplingRefused(PrivacyError):
    """Something other than the people themselves was handed to a private training."""

    def __init__(self, *, given: str) -> None:
        super().__init__(
            f"a private training draws its own Poisson samples, but was given a {given}. Shuffled batches, accounted "
            "for as Poisson samples, overstate privacy up to fourfold. Pass privacy.dp_examples.Customers."
        )


class DpExamplesUneven(PrivacyError):
    """Training examples are not of one shape."""

    def __init__(self, *, problem: str, found: str) -> None:
        super().__init__(f"examples for a private training: {problem}; found {found}. Give all one width.")


class DpCheckpointMismatch(PrivacyError):
    """A private training cannot go on from this checkpoint."""

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} cannot be continued: {problem}. Start afresh with a new reservation in the budget ledger; "
            "what the stopped run took stays charged."
        )


class PseudonymRetired(PrivacyError):
    """An earlier pseudonym was asked about after its window closed."""

    def __init__(self, *, version: int, oldest: int) -> None:
        super().__init__(
            f"a pseudonym of key version {version} was given; versions before {oldest} no longer resolve. "
            "Use the pseudonym of today, or ask again with the shop's own id."
        )


class RotationNeeded(PrivacyError):
    """Settings name a key version that the stores were never moved to."""

    def __init__(self, *, asked: int, current: int) -> None:
        super().__init__(
            f"privacy.pseudonym_key_version is {asked}, but the stores hold pseudonyms of version {current}. "
            f"Set it back to {current} and move the stores with `fairshelf privacy rotate-key`."
        )


class RotationUnfinished(PrivacyError):
    """Stores are on their way from one key version to the next."""

    def __init__(self, *, to: int) -> None:
        super().__init__(
            f"a rotation to pseudonym key version {to} was begun and is not finished, so tables do not fit together. "
            "Run `fairshelf privacy rotate-key` again; it goes on where it stopped."
        )


class RotationRunning(PrivacyError):
    """Another process moves the stores to a new key."""

    def __init__(self, *, lock: Path) -> None:
        super().__init__(
            f"another process holds {lock} and changes pseudonyms. Wait for it to end, then run this again."
        )


class WindowOpen(PrivacyError):
    """A new rotation was asked for while the last one's old names still resolve."""

    def __init__(self, *, until: datetime | None) -> None:
        end = "it is closed" if until is None else f"{until:%Y-%m-%d %H:%M} UTC"
        super().__init__(
            f"pseudonyms of the last rotation still resolve until {end}. Wait, or close the window first with "
            "`fairshelf privacy rotate-key --close`."
        )


class KeyRingDamaged(PrivacyError):
    """The record of key versions cannot be understood."""

    def __init__(self, *, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} cannot be read: {problem}. Restore it from a backup: without it nobody knows which key made the "
            "pseudonyms in the stores."
        )


class KeyShared(PrivacyError):
    """Two purposes have one and the same key, so that their pseudonyms could be joined."""

    def __init__(self, *, purpose: str, other: str) -> None:
        super().__init__(
            f"the keys of the purposes {purpose} and {other} are the same, so their pseudonyms could be joined. "
            f"Supply {purpose} with a key of its own."
        )


class ConsentBackdated(PrivacyError):
    """A grant carries an earlier time than a decision already on file."""

    def __init__(self, *, purpose: str) -> None:
        super().__init__(
            f"a consent to {purpose} comes with a time before that of a decision already on file, so it would not "
            "count. Set the clock right and record the consent again; a refusal would have been taken."
        )
