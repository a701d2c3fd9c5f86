"""Log lines as JSON: facts in named fields, never a key, never a raw id, never an error's own message."""

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any, Final

_LOGGER: Final = logging.getLogger("fairshelf")


class JsonLines(logging.Formatter):
    """Writes one JSON object per record: time, level, message, and the facts given with it."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record down."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        facts = getattr(record, "facts", {})
        return json.dumps({"time": time, "level": record.levelname.lower(), "message": record.getMessage(), **facts})


def log_as_json() -> None:
    """Send our log lines to standard error as JSON; asking twice changes nothing."""
    if _LOGGER.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False


def info(message: str, **facts: Any) -> None:
    """Log something worth knowing."""
    _LOGGER.info(message, extra={"facts": facts})


def warned(message: str, **facts: Any) -> None:
    """Log something that somebody should look after."""
    _LOGGER.warning(message, extra={"facts": facts})


def failed(message: str, failure: BaseException, **facts: Any) -> None:
    """Log a failure by its class and where it happened.

    The failure's own message is left out: libraries put values into theirs, and a value may be a person's id.
    """
    frames = [
        f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(failure.__traceback__)[-12:]
    ]
    _LOGGER.error(message, extra={"facts": {**facts, "error": type(failure).__qualname__, "frames": frames}})
