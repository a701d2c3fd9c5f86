"""Key pairs in files: made together, checked together, and believed by anybody with the public half."""

import stat
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from privacy.ed25519 import KeyFiles, load_signer, load_verifier
from privacy.errors import KeyMissing, KeyPairMismatch, KeyUnusable

FILES = KeyFiles("signing_private.key", "signing_public.key", "privacy.create_missing_keys")


def test_a_signature_is_what_the_library_itself_accepts(tmp_path: Path) -> None:
    signer = load_signer(tmp_path, FILES, create=True)
    signature = signer.sign(b"content")
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex((tmp_path / FILES.public).read_text()))
    public.verify(bytes.fromhex(signature), b"content")
    with pytest.raises(InvalidSignature):
        public.verify(bytes.fromhex(signature), b"contents")
    verifier = load_verifier(tmp_path, FILES)
    assert verifier.verifies(b"content", signature)
    assert not verifier.verifies(b"contents", signature)
    assert not verifier.verifies(b"content", "no hexadecimal text")
    assert verifier.key_id == signer.verifier.key_id


def test_a_pair_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    made = load_signer(tmp_path, FILES, create=True)
    assert load_signer(tmp_path, FILES, create=False).public == made.public
    for name in (FILES.private, FILES.public):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_missing_half_names_its_own_setting(tmp_path: Path) -> None:
    with pytest.raises(KeyMissing, match=r"signing_private\.key.*privacy\.create_missing_keys"):
        load_signer(tmp_path, FILES, create=False)
    with pytest.raises(KeyMissing, match=r"signing_public\.key"):
        load_verifier(tmp_path, FILES)
    assert not list(tmp_path.iterdir())


def test_halves_of_two_pairs_and_no_keys_at_all_are_refused(tmp_path: Path) -> None:
    load_signer(tmp_path / "a", FILES, create=True)
    load_signer(tmp_path / "b", FILES, create=True)
    (tmp_path / "b" / FILES.public).replace(tmp_path / "a" / FILES.public)
    with pytest.raises(KeyPairMismatch, match="not halves of one pair"):
        load_signer(tmp_path / "a", FILES, create=True)
    (tmp_path / "b" / FILES.private).write_text("zz")
    with pytest.raises(KeyUnusable):
        load_signer(tmp_path / "b", FILES, create=True)
