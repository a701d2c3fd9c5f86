"""Open sealed data with the audit role's private key.

Nothing that builds features, trains or serves may import this module.
"""

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from privacy.errors import SealBroken


def unseal(data: bytes, private_key: bytes) -> bytes:
    """Decrypt what `privacy.sealed.seal` made.

    Raises:
        SealBroken: If the key is another pair's or the data was cut or changed.
    """
    try:
        return bytes(SealedBox(PrivateKey(private_key)).decrypt(data))
    except CryptoError:
        raise SealBroken(problem="the key is another pair's, or the data was changed") from None
