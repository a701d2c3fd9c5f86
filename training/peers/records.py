"""What earlier tuning found, so that a benchmark need not tune again: only records from before its cut-off count."""

from collections.abc import Sequence
from datetime import UTC, datetime, time

from configs.bench import BenchSettings, TuningRecord
from training.peers.tuning import Tuned


def recorded(
    peer: str, tasks: Sequence[str], settings: BenchSettings, *, source: str, cutoff: datetime
) -> Tuned | None:
    """Look up what a peer was tuned to on the latest validation days that end by a cut-off.

    Args:
        peer: Name of the peer.
        tasks: What it is wanted for; a record must answer all of it.
        settings: The records, and whose data they are of.
        source: Where the data at hand came from.
        cutoff: Cut-off of the benchmark.

    Returns:
        The points with the budget they took; None where nothing fits, so that the peer has to be tuned.
    """
    if source != settings.tuned_source:
        return None
    fitting = [
        record
        for record in settings.tuned
        if record.peer == peer
        and set(tasks) <= set(record.chosen)
        and _midnight(record.validated_until) <= cutoff
        and record.validation_days == settings.validation_days
    ]
    return _tuned(max(fitting, key=lambda record: record.validated_until)) if fitting else None


def _tuned(record: TuningRecord) -> Tuned:
    return Tuned(
        chosen=record.chosen,
        values=record.values,
        n_tried=record.n_tried,
        cpu_s=record.cpu_s,
        validated=(_midnight(record.validated_from), _midnight(record.validated_until)),
        is_recorded=True,
    )


def _midnight(day: datetime | object) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)  # type: ignore[arg-type]
