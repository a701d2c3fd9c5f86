"""The `fairshelf` command: its verbs, and what each kind of failure means to a shell."""

import errno
import sqlite3
import sys
from collections.abc import Callable, Mapping
from typing import Final

import typer

from configs.errors import SettingsError
from fairness.errors import AuditNotPassed, ClearanceRefused, FairnessError, PromotionRefused
from features.errors import FeatureError
from privacy.auditing.errors import PrivacyAuditNotPassed, PrivacyAuditUnwritten
from privacy.errors import BudgetExceeded, PrivacyError, VaultAccessDenied
from serving.cli import (
    audit,
    bench,
    demo,
    evaluate,
    experiment,
    features,
    forecast,
    ingest,
    prices,
    privacy,
    promote,
    recommend,
    refresh,
    serve,
    status,
    train,
)
from serving.cli.output import complain
from serving.errors import FieldsInvalid, ServingError
from serving.people.errors import PersonErased
from training.errors import TrainingError
from training.off_policy.errors import EffectiveSampleTooSmall, PolicyUnsupported

EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_INTERRUPTED = 130

REFUSALS = (
    AuditNotPassed,
    BudgetExceeded,
    ClearanceRefused,
    EffectiveSampleTooSmall,
    PolicyUnsupported,
    PersonErased,
    PrivacyAuditNotPassed,
    PrivacyAuditUnwritten,
    PromotionRefused,
    VaultAccessDenied,
)
USER_ERRORS = (SettingsError, PrivacyError, FeatureError, FairnessError, TrainingError, ServingError)

_STORAGE_FAULTS: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_FULL: "Free some space and run the command again.",
    sqlite3.SQLITE_IOERR: "Free some space or mend the disk, and run the command again.",
    sqlite3.SQLITE_READONLY: "Give this user the right, or set storage.root to another folder.",
    sqlite3.SQLITE_PERM: "Give this user the right, or set storage.root to another folder.",
    sqlite3.SQLITE_CANTOPEN: "Give this user the right, or set storage.root to another folder.",
    sqlite3.SQLITE_BUSY: "Another command is writing; wait for it to end and run this one again.",
    sqlite3.SQLITE_CORRUPT: "Restore the SQLite files under storage.root from a backup.",
    sqlite3.SQLITE_NOTADB: "Restore the SQLite files under storage.root from a backup.",
}

app = typer.Typer(
    name="fairshelf",
    help="Recommendations and personalisation for a retail chain, with fairness gates and privacy guarantees.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(ingest.app, name="ingest")
app.add_typer(features.app, name="features")
app.add_typer(train.app, name="train")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(experiment.app, name="experiment")
app.add_typer(privacy.app, name="privacy")
app.add_typer(prices.app, name="prices")
app.add_typer(bench.app, name="bench")
app.command("audit")(audit.audit)
app.command("promote")(promote.promote)
app.command("refresh")(refresh.refresh)
app.command("recommend")(recommend.recommend)
app.command("forecast")(forecast.forecast)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("doctor")(status.doctor)


def main() -> None:
    """Run the command line; the exit code is 0 ok, 1 bug (Python's own), 2 usage or configuration, 3 refused."""
    sys.exit(run(app))


def run(command: Callable[[], object]) -> int:
    """Call a command and turn what it raises into a message and an exit code.

    Only a bug shows a stack trace.
    """
    try:
        command()
    except REFUSALS as refusal:
        return complain(refusal, EXIT_REFUSED)
    except FieldsInvalid as failure:
        return complain(" ".join(f"{fault.field}: {fault.message}" for fault in failure.errors), EXIT_USAGE)
    except USER_ERRORS as failure:
        return complain(failure, EXIT_USAGE)
    except OSError as failure:
        return _machine(failure)
    except KeyboardInterrupt:
        return complain(
            "interrupted; what was finished is kept, and the same command goes on from there", EXIT_INTERRUPTED
        )
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else EXIT_USAGE
    except Exception as failure:
        return _database(failure)
    return 0


def _database(failure: Exception) -> int:
    """Name what keeps a database from its disk, however deep it was wrapped; anything else is a bug of ours."""
    cause: BaseException | None = failure
    while cause is not None:
        code = getattr(cause, "sqlite_errorcode", None)  # the low byte is the kind, the rest says more of it
        step = None if code is None else _STORAGE_FAULTS.get(code & 0xFF)
        if step is not None:
            return complain(f"a database under storage.root cannot be used: {cause}. {step}", EXIT_USAGE)
        cause = cause.__cause__
    raise failure


def _machine(failure: OSError) -> int:
    """Name what the machine lacks; anything else the operating system says is a bug of ours."""
    place = f" at {failure.filename}" if failure.filename else ""
    if failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return complain(f"the disk is full{place}. Free some space and run the command again.", EXIT_USAGE)
    if failure.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        reason = failure.strerror or "not allowed"
        return complain(
            f"{reason}{place}. Give this user the right, or set storage.root to another folder.", EXIT_USAGE
        )
    raise failure


if __name__ == "__main__":
    main()
