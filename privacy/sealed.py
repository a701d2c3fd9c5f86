"""Seal data so that whoever wrote it cannot read it again: libsodium sealed boxes.

Only the public key is needed here. `privacy.unsealing` holds the other half, for the audit role alone.
"""

from pathlib import Path
from typing import Final

from nacl.public import PrivateKey, PublicKey, SealedBox

from privacy.errors import KeyMissing
from privacy.keys import read_secret, write_secret

PUBLIC_KEY: Final = "audit_public.key"
PRIVATE_KEY: Final = "audit_private.key"


def seal(data: bytes, public_key: bytes) -> bytes:
    """Encrypt to the holder of the private key; the same data gives other bytes each time."""
    return bytes(SealedBox(PublicKey(public_key)).encrypt(data))


def load_or_create_public_key(keys_dir: Path, *, create: bool) -> bytes:
    """Read the audit role's public key; make the pair when neither half exists and one may be made.

    Args:
        keys_dir: Folder of the key files.
        create: Whether a missing pair may be made (development) or must have been supplied (production).

    Raises:
        KeyMissing: If the public key is missing and may not be made, or only the private half is there.
        KeyUnusable: If the file does not hold a key.
    """
    path = keys_dir / PUBLIC_KEY
    if not path.exists():
        if not create or (keys_dir / PRIVATE_KEY).exists():
            raise KeyMissing(path=path, supply=f"Put the 64 hexadecimal digits that belong to {PRIVATE_KEY} there")
        made = PrivateKey.generate()
        write_secret(keys_dir / PRIVATE_KEY, bytes(made))
        write_secret(path, bytes(made.public_key))
    return read_secret(path)
