"""Every store that may hold a person, handed to the erasure: the one list that access and erasure both go through."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import sqlalchemy as sa

from configs.settings import Settings, StorageSettings
from features.erasing import FeatureTableRows, LakeRows, SealedDemographics
from features.erasing_rows import ONLINE_DATABASE, OnlineStoreRows, journal_rows
from privacy.erasure import LOCK, Erasable, Erasures, House
from privacy.forgetting.compaction import compact
from privacy.forgetting.erasable_rows import StateRows, VaultRows, consent_rows
from privacy.forgetting.erasure_book import ErasureBook
from privacy.forgetting.receipts import ReceiptDesk
from privacy.forgetting.subjects import Names, Subject
from privacy.forgetting.tombstones import open_tombstones
from privacy.proven_keys import proven_pseudonymizer
from privacy.vault import DATABASE, open_vault
from serving.people.files import IdFiles
from training.retraining import ModelPlans

DECISION_TABLE: Final = "decisions"
DECISION_COLUMN: Final = "subject_id"


@dataclass(frozen=True)
class DecisionRows(StateRows):
    """The record of answers.

    Args:
        wait_s: How long a decision of any server process may still wait in memory; seconds.
    """

    wait_s: float

    def erase(self, subjects: Sequence[Subject]) -> None:
        """Remove the people's decisions, those first that servers have not written down yet."""
        time.sleep(self.wait_s)  # consents are gone by now, so no new ones are made
        super().erase(subjects)


def stores_of(settings: Settings, state: sa.Engine) -> tuple[Erasable, ...]:
    """List the stores, in the order to go through them: sources first, then what is made of them, the vault last."""
    storage = settings.storage
    words = "every record of an answer that used the person's profile is removed"
    wait_s = 2 * settings.serving.decisions.flush_s
    return (
        LakeRows(storage),
        consent_rows(state),
        FeatureTableRows(storage),
        OnlineStoreRows(storage.feast),
        journal_rows(state),
        DecisionRows(state, "decisions", DECISION_TABLE, DECISION_COLUMN, words, wait_s),
        IdFiles(storage),
        SealedDemographics(),
        VaultRows(open_vault(storage.vault)),
    )


def erasures_of(settings: Settings, state: sa.Engine, now: Callable[[], datetime]) -> Erasures:
    """Put an installation's erasure together.

    Args:
        settings: Of the installation.
        state: Its state database.
        now: The wall clock.

    Raises:
        KeyMissing, KeyLost, KeyUnusable: If the pseudonym keys or that of the tombstones cannot be had, or are others
            than those of what is on file.
    """
    storage, privacy = settings.storage, settings.privacy
    proven_pseudonymizer(storage, privacy)
    house = House(
        stores=stores_of(settings, state),
        models=ModelPlans(storage.bundles, storage.lake, privacy.erasure.retrain_within_days),
        names=Names(storage.keys, privacy),
        compact=partial(_compact, storage, state),
        lock=storage.root / LOCK,
    )
    return Erasures(
        book=ErasureBook(state),
        tombstones=open_tombstones(state, storage.keys, privacy),
        house=house,
        desk=ReceiptDesk(storage.keys, create=privacy.create_missing_keys),
        now=now,
    )


def _compact(storage: StorageSettings, state: sa.Engine) -> None:
    if state.dialect.name == "sqlite":  # a server of databases forgets by its own vacuum
        compact(storage.state_db)
    compact(storage.vault / DATABASE)
    compact(storage.feast / ONLINE_DATABASE)
