"""Amounts of money as the contract writes them."""

from decimal import Decimal
from typing import Any, Final

CENT: Final = Decimal("0.01")


def money(amount: Decimal, currency: str) -> dict[str, Any]:
    """Write an amount with its currency, never with fewer than two decimals.

    >>> money(Decimal("2.5"), "USD")
    {'amount': '2.50', 'currency': 'USD'}
    """
    return {"amount": plain(amount), "currency": currency}


def plain(amount: Decimal) -> str:
    """Write an amount as a decimal string, never with fewer than two decimals or an exponent.

    >>> plain(Decimal("19.9")), plain(Decimal("1E+2")), plain(Decimal("-4.105"))
    ('19.90', '100.00', '-4.105')
    """
    whole, _, cents = f"{amount:f}".partition(".")
    return f"{whole}.{cents.ljust(2, '0')}"
