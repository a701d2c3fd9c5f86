"""The composition root: the one place of the server that loads settings.

What the server is made of stands in `serving.assembly`, which is imported on demand: the supervisor and the build need
neither the model nor the feature store in memory.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from configs.loading import load_settings
from configs.settings import Settings
from serving.keys import HASHES, PLAIN, load_keys
from serving.log import info, log_as_json

if TYPE_CHECKING:
    from serving.services import Services


def check_keys(settings: Settings | None = None) -> Path:
    """Make sure of API keys, a pseudonym key and a usable state database, and say in the log where the API keys are.

    Returns:
        The file with development's own keys in the clear, or that of the hashes where others issued the keys.

    Raises:
        SettingsError: If the settings cannot be used.
        ApiKeysMissing: If there are none and none may be made.
        ApiKeysBroken: If the file cannot be used.
        KeyMissing, KeyLost, KeyUnusable: If there is no pseudonym key, or not the one of the names on file.
        sqlalchemy.exc.DatabaseError: If the state file is no database or cannot be written.
    """
    from privacy.consent import ConsentLedger
    from privacy.forgetting.tombstones import open_tombstones
    from privacy.proven_keys import proven_pseudonymizer
    from privacy.state import open_state

    settings = settings or load_settings()
    log_as_json()
    keys_dir = settings.storage.keys
    proven_pseudonymizer(settings.storage, settings.privacy)
    load_keys(keys_dir, create=settings.serving.create_missing_keys)
    state = open_state(settings.storage.state_db)
    open_tombstones(state, keys_dir, settings.privacy)  # without their key, erased people could come back
    ConsentLedger(state)  # a damaged database is named here, before workers start
    plain = keys_dir / PLAIN
    shown = plain if plain.exists() else keys_dir / HASHES
    info("API keys are ready", file=str(shown))
    return shown


def build_services(settings: Settings | None = None) -> "Services":
    """Build everything one server process needs; `bundles.refresh` loads the champion.

    Args:
        settings: Settings of the process; None loads them from files and environment.

    Raises:
        SettingsError: If the settings cannot be used.
        ApiKeysMissing, ApiKeysBroken: If nobody could call the service.
        KeyMissing, KeyUnusable: If there is no pseudonym key.
    """
    from serving.assembly import assemble

    log_as_json()
    return assemble(settings or load_settings())
