"""The only reader of sealed demographics."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fairness.errors import DemographicsAccessDenied, DemographicsMissing
from features.columns import CUSTOMER_ID
from privacy.audit_log import AuditLog
from privacy.keys import read_secret
from privacy.unsealing import unseal

AUDIT_ROLE: Final = "ethics"


def read_demographics(
    sealed: Path,
    private_key: Path,
    audit_log: AuditLog,
    *,
    role: str,
    reason: str,
    erased: Callable[[Collection[str]], Collection[str]] | None = None,
) -> pd.DataFrame:
    """Open the sensitive attributes for an audit; every attempt is logged.

    Args:
        sealed: File that the ingest sealed.
        private_key: The audit role's key file.
        audit_log: Where the attempt is recorded.
        role: Who asks.
        reason: Why, in words.
        erased: Tells whose pseudonyms of the sealed file stand for people who were erased since; they are left out.
            None where nobody was ever erased.

    Returns:
        customer_id (pseudonym) and one text column per sensitive attribute, one row per customer.

    Raises:
        DemographicsAccessDenied: If the role is not the audit role.
        DemographicsMissing: If nothing was sealed.
        KeyMissing: If the private key is not there.
        SealBroken: If the key does not fit or the file is damaged.
    """
    if role != AUDIT_ROLE:
        audit_log.append(role, "demographics denied", {"reason": reason})
        raise DemographicsAccessDenied(role=role, allowed=AUDIT_ROLE)
    if not sealed.exists():
        raise DemographicsMissing(path=sealed)
    audit_log.append(role, "demographics read", {"reason": reason})
    content = unseal(sealed.read_bytes(), read_secret(private_key))
    customers: pd.DataFrame = pq.read_table(pa.BufferReader(content)).to_pandas()
    if erased is None:
        return customers
    gone = set(erased(customers[CUSTOMER_ID].tolist()))
    return customers[~customers[CUSTOMER_ID].isin(gone)].reset_index(drop=True)
