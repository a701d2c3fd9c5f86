"""What can keep a peer out of a benchmark, and what to do about it."""

from collections.abc import Sequence
from pathlib import Path

from training.errors import TrainingError


class PeerUnknown(TrainingError):
    """A peer was asked for that the benchmark does not know."""

    def __init__(self, *, name: str, known: Sequence[str]) -> None:
        super().__init__(f"no peer is called {name!r}. Choose from: {', '.join(known)}.")


class PeerLeftOut(TrainingError):
    """A peer cannot take part; the others go on without it."""


class PeerNotInstalled(PeerLeftOut):
    """The package behind a peer cannot be imported."""

    def __init__(self, *, name: str, package: str) -> None:
        super().__init__(
            f"{name} is left out: the package {package} is not installed. Install it with pip install {package!r}, or "
            "leave the peer out with --peers."
        )


class PeerEnvironmentMissing(PeerLeftOut):
    """A peer needs an interpreter of its own, and there is none."""

    def __init__(self, *, name: str, interpreter: Path, package: str, setting: str) -> None:
        super().__init__(
            f"{name} is left out: there is no interpreter at {interpreter}. Make an environment there with "
            f"python3.11 -m venv and pip install {package!r}, or name another one in {setting}."
        )


class PeerUnfinished(PeerLeftOut):
    """A peer did not come to an end in its time."""

    def __init__(self, *, name: str, limit_s: int, setting: str) -> None:
        super().__init__(f"{name} is left out: it did not finish in {limit_s} s. Raise {setting} to wait longer.")


class PeerTooLarge(PeerLeftOut):
    """A peer asked for more memory than it may have."""

    def __init__(self, *, name: str, limit_gb: float, setting: str) -> None:
        super().__init__(
            f"{name} is left out: it asked for more than {limit_gb:g} GB. Raise {setting} to let it have more."
        )


class PeerFailed(PeerLeftOut):
    """A peer ran in a process of its own and failed."""

    def __init__(self, *, name: str, exit_code: int, last_line: str) -> None:
        super().__init__(
            f"{name} is left out: its process ended with code {exit_code}, at last saying {last_line!r}. "
            "Correct its environment, or leave the peer out with --peers."
        )
