"""`fairshelf privacy erase` and `verify-erasure`: take people out of every store, and look whether they are gone."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from configs.settings import Settings
from serving.cli.options import AsJson, Overrides, Profile, settings_of
from serving.cli.output import Steps, say, show, show_rows

if TYPE_CHECKING:
    from privacy.erasure import Erasures
    from privacy.forgetting.receipts import Receipt
    from privacy.forgetting.residue import Trace

_LONGEST = 128  # characters of an id, as in the HTTP contract
_STILL_THERE = 3  # exit code
_ACTOR = "command line"


def _ids(value: list[str] | None) -> list[str] | None:
    for one in value or ():
        if not 1 <= len(one) <= _LONGEST:
            raise typer.BadParameter(f"{len(one)} characters given; 1 to {_LONGEST} are possible.")
    return value


Customers = Annotated[
    list[str] | None,
    typer.Option("--customer-id", help="The shop's own customer id. May be repeated.", callback=_ids),
]
CustomersFile = Annotated[
    Path | None,
    typer.Option("--customers", help="File with one customer id a line.", exists=True, dir_okay=False, readable=True),
]


def erase(
    customer_ids: Customers = None,
    customers: CustomersFile = None,
    anonymise: Annotated[
        bool, typer.Option("--anonymise", help="Destroy the link, keep purchases under a random id.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Finish what was left unfinished; no new request.")] = False,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Erase or anonymise customers in every store, and show the signed receipts; an unknown id is handled the same.

    A run may be interrupted anywhere; the same command, or --resume, goes on from there.
    """
    wanted = _wanted(customer_ids, customers)
    if not wanted and not resume:
        raise typer.BadParameter("Give --customer-id, --customers or --resume.")
    erasures, steps = _erasures(settings_of(profile, overrides)), Steps()
    asked = [erasures.request(one, "anonymise" if anonymise else "erase", by=_ACTOR) for one in wanted]
    finished = erasures.run(steps)
    receipts = [one for each in (asked or finished) if (one := erasures.book.get(each).receipt) is not None]
    if as_json:
        show({"receipts": [json.loads(receipt.model_dump_json()) for receipt in receipts]}, as_json=True)
    elif len(receipts) == 1:
        _show_receipt(receipts[0])
    else:
        show({"erasures finished": len(finished), "receipts": len(receipts), "seconds": steps.seconds}, as_json=False)


def verify_erasure(
    customer_ids: Customers = None,
    customers: CustomersFile = None,
    profile: Profile = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Search every byte under storage.root for customers' ids and pseudonyms; exit code 3 when something is found."""
    from privacy.forgetting.residue import search
    from privacy.forgetting.subjects import Names
    from privacy.proven_keys import proven_pseudonymizer

    wanted = _wanted(customer_ids, customers)
    if not wanted:
        raise typer.BadParameter("Give --customer-id or --customers.")
    settings, steps = settings_of(profile, overrides), Steps()
    proven_pseudonymizer(settings.storage, settings.privacy)  # with another key nothing would be found
    names = Names(settings.storage.keys, settings.privacy)
    steps(f"searching {settings.storage.root}")
    traces = search(settings.storage.root, [names.subject(one) for one in wanted])
    if as_json:
        show({"customers": len(wanted), "found": [vars(trace) for trace in traces]}, as_json=True)
    else:
        _show_traces(traces, settings, wanted)
    if traces:
        raise typer.Exit(_STILL_THERE)


def _wanted(customer_ids: list[str] | None, customers: Path | None) -> list[str]:
    listed = customers.read_text(encoding="utf-8").splitlines() if customers else []
    return list(dict.fromkeys([*(customer_ids or ()), *(_ids([one.strip() for one in listed if one.strip()]) or ())]))


def _erasures(settings: Settings) -> "Erasures":
    from privacy.state import open_state
    from serving.people.stores import erasures_of

    return erasures_of(settings, open_state(settings.storage.state_db), lambda: datetime.now(UTC))


def _show_receipt(receipt: "Receipt") -> None:
    say(receipt.meaning)
    rows = [[one.store, _number(one.found), _number(one.left), one.action] for one in receipt.stores]
    show_rows(["store", "found", "left", "what was done"], rows, title=f"Erasure {receipt.erasure_id}")
    models = [[one.name, one.version, f"{one.retrain_by:%Y-%m-%d}", one.plan] for one in receipt.models]
    if models:
        show_rows(["model", "version", "by", "plan"], models)
    for kept in (*receipt.kept, *receipt.not_covered):
        say(f"- {kept}")
    say(f"signed by key {receipt.key_id}: {receipt.signature}")


def _number(value: int | None) -> Any:
    return "cannot be looked at" if value is None else value


def _show_traces(traces: "list[Trace]", settings: Settings, wanted: list[str]) -> None:
    from privacy.forgetting.residue import LONG_ID

    if any(len(one) < LONG_ID for one in wanted):
        say(
            f"Ids of fewer than {LONG_ID} characters stand in counts and prices too: they were looked for wherever a "
            "column or key names people; pseudonyms were looked for in every byte."
        )
    if not traces:
        say(f"Nothing was found under {settings.storage.root}: zero bytes.")
        return
    rows = [[trace.file, trace.where, trace.kind, trace.n] for trace in traces]
    show_rows(["file", "where", "what", "times"], rows, title="Still there")
