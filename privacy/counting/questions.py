"""Questions about how many customers there are, in the one form under which an answer is kept and found again.

Whoever asks twice for nearly the same set of people learns about those who are in one answer and not in the other. The
noise on both hides a single person, whatever is asked; what is left to do is to give nobody fresh noise for the same
question. So a definition is brought to one form before it is compared, and what only ever grows (the time of asking,
and with it the data) is rounded down to a period: an answer stands for the whole period.

What it protects: averaging the noise away by wording a question anew, or by asking again and again. What it does not:
two definitions that mean the same and say it with other conditions are two questions; each is charged to the ledger,
whose cap ends the asking.
"""

import json
import unicodedata
from collections.abc import Mapping, Set
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from configs.privacy import SmallCountSettings
from privacy.counting.errors import QuestionUnclear
from privacy.counting.small_counts import Question

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def counted_in_period(
    what: str, definition: Mapping[str, Any], *, lineage: str, at: datetime, settings: SmallCountSettings
) -> Question:
    """Ask how many customers fit a definition, once in each period.

    Args:
        what: What is counted, in a few words; goes into the ledger.
        definition: Who is counted, as plain values; the order of keys and of lists says nothing.
        lineage: Whose customers, as the ledger knows them.
        at: When it is asked; aware.
        settings: Length of a period.

    Raises:
        QuestionUnclear: If the definition holds something that is no plain value, or a number that is not finite.
    """
    length = timedelta(days=settings.period_days)
    since = _EPOCH + (at - _EPOCH) // length * length
    return Question(what, lineage, {"definition": one_form(definition), "since": f"{since:%Y-%m-%d}"})


def one_form(definition: Mapping[str, Any]) -> str:
    """Write a definition so that whatever means the same reads the same.

    Keys are sorted, lists are sets, text loses outer spaces and is compared in Unicode's composed form, 3.0 is 3, and
    what is null or empty is as good as absent.

    >>> one_form({"any": ["b ", "a", "b"], "min_baskets": 3.0, "store": None})
    '{"any":["a","b"],"min_baskets":3}'

    Raises:
        QuestionUnclear: As `counted_in_period`.
    """
    return _json(_plain(definition))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        plain = {unicodedata.normalize("NFC", str(key)).strip(): _plain(part) for key, part in value.items()}
        return {key: part for key, part in plain.items() if part not in (None, [], {}, "")}
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value).strip()
    if isinstance(value, list | tuple | Set):
        parts = {_json(_plain(part)) for part in value}
        return [json.loads(part) for part in sorted(parts)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _json(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as failure:
        raise QuestionUnclear(problem=str(failure)) from None
