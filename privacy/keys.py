"""Secret keys in files that only their owner can read, or in the environment.

`FAIRSHELF_SECRET_<NAME>` holds the hexadecimal text of `<name>.key` and goes before the file.
"""

import os
import secrets
from pathlib import Path

from configs.fields import KEY_PREFIX
from privacy.errors import KeyMissing, KeyUnusable


def load_or_create_secret(path: Path, *, create: bool, n_bytes: int = 32) -> bytes:
    """Read a secret of random bytes, kept as hexadecimal text; make it when it is missing and may be made.

    Args:
        path: The key file.
        create: Whether a missing key may be made (development) or must have been supplied (production).
        n_bytes: Length of the secret.

    Returns:
        The secret, n_bytes long.

    Raises:
        KeyMissing: If there is no such file and none may be made.
        KeyUnusable: If the file does not hold n_bytes of hexadecimal text.
    """
    if not is_supplied(path):
        if not create:
            raise KeyMissing(path=path, supply=f"Put {2 * n_bytes} hexadecimal digits from a secret store there")
        write_secret(path, secrets.token_bytes(n_bytes))
    return read_secret(path, n_bytes=n_bytes)


def variable_of(path: Path) -> str:
    """Name the environment variable that may hold a key instead of its file.

    >>> variable_of(Path("keys/pseudonym_v1.key"))
    'FAIRSHELF_SECRET_PSEUDONYM_V1'
    """
    return KEY_PREFIX + path.stem.upper()


def is_supplied(path: Path) -> bool:
    """Tell whether a key is there, in its file or in the environment."""
    return variable_of(path) in os.environ or path.exists()


def read_secret(path: Path, *, n_bytes: int = 32) -> bytes:
    """Read a secret that must be there.

    Raises:
        KeyMissing: If there is no such file.
        KeyUnusable: If the file does not hold n_bytes of hexadecimal text.
    """
    try:
        secret = bytes.fromhex((os.environ.get(variable_of(path)) or path.read_text(encoding="ascii")).strip())
    except FileNotFoundError:
        raise KeyMissing(path=path, supply=f"Put {2 * n_bytes} hexadecimal digits from a secret store there") from None
    except ValueError:
        raise KeyUnusable(path=path, problem="it is not hexadecimal text") from None
    except OSError as failure:
        raise KeyUnusable(path=path, problem=failure.strerror or type(failure).__name__) from None
    if len(secret) != n_bytes:
        raise KeyUnusable(path=path, problem=f"it holds {len(secret)} bytes instead of {n_bytes}")
    return secret


def write_secret(path: Path, secret: bytes) -> None:
    """Write a new secret for its owner's eyes alone; an existing file is left as it is.

    The file is created complete under another name and linked into place, so two processes that start
    together agree on the one that came first.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secret.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()
