"""Ed25519 key pairs, each half in a file of its own, and the signatures they make and check."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from privacy.errors import KeyMissing, KeyPairMismatch
from privacy.keys import is_supplied, read_secret, write_secret

ALGORITHM: Final = "Ed25519"

_KEY_BYTES: Final = 32
_N_ID: Final = 16  # hexadecimal digits of a key's id


@dataclass(frozen=True)
class KeyFiles:
    """Names of the two halves of a key pair, in the folder of keys, and the setting that lets them be made."""

    private: str
    public: str
    setting: str


class Verifier:
    """Checks signatures with the public half of a pair, and can make none.

    Args:
        public: The 32 raw bytes.
    """

    def __init__(self, public: bytes) -> None:
        self._key = Ed25519PublicKey.from_public_bytes(public)
        self.key_id = hashlib.sha256(public).hexdigest()[:_N_ID]

    def verifies(self, content: bytes, signature: str) -> bool:
        """Tell whether the other half signed this content; a signature that is no hexadecimal text is wrong too."""
        try:
            self._key.verify(bytes.fromhex(signature), content)
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """Signs with the private half of a pair.

    Args:
        private: The 32 raw bytes.
    """

    def __init__(self, private: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes_raw()
        self.verifier = Verifier(self.public)

    def sign(self, content: bytes) -> str:
        """Sign, in hexadecimal."""
        return self._key.sign(content).hex()


def load_signer(keys_dir: Path, files: KeyFiles, *, create: bool) -> Signer:
    """Read the private half; make both halves together where there is neither and they may be made.

    Args:
        keys_dir: Folder of keys.
        files: Names of the two halves.
        create: Whether a missing pair may be made (development) or must have been supplied (production).

    Raises:
        KeyMissing: If there is no private key and none may be made, or only its public half is there.
        KeyUnusable: If a file does not hold a key.
        KeyPairMismatch: If the two files are not halves of one pair.
    """
    private, public = keys_dir / files.private, keys_dir / files.public
    if create and not is_supplied(private) and not is_supplied(public):
        write_secret(private, Ed25519PrivateKey.generate().private_bytes_raw())
    signer = Signer(_read(private, "Supply the private half of the pair there", files.setting))
    if create and not is_supplied(public):
        write_secret(public, signer.public)
    if _read(public, "Supply the public half of the pair there", files.setting) != signer.public:
        raise KeyPairMismatch(private=private, public=public)
    return signer


def load_verifier(keys_dir: Path, files: KeyFiles) -> Verifier:
    """Read the public half; the private one need not be on this machine.

    Raises:
        KeyMissing: If there is none.
        KeyUnusable: If the file does not hold a key.
    """
    return Verifier(_read(keys_dir / files.public, "Supply the public half of the signer's pair there", files.setting))


def _read(path: Path, supply: str, setting: str) -> bytes:
    if not is_supplied(path):
        supply = f"{supply} as {2 * _KEY_BYTES} hexadecimal digits"
        raise KeyMissing(path=path, supply=supply, setting=setting)
    return read_secret(path, n_bytes=_KEY_BYTES)
