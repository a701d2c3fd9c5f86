"""The privacy statement that every bundle holds: written with it, read back, held against the manifest's claim."""

from collections.abc import Mapping

from privacy.errors import StatementUnreadable
from privacy.statement import STATEMENT_FILE, Statement, no_promise, read_statement
from training.manifest import PrivacyStatement


def with_statement(texts: Mapping[str, str], claim: PrivacyStatement) -> dict[str, str]:
    """Give the texts of a bundle with its privacy statement among them.

    A version that promises nothing gets a statement that says so; one that promises something brings its own.

    Args:
        texts: Of the bundle, by file name.
        claim: What its manifest says.

    Raises:
        StatementUnreadable: If the manifest claims what no statement backs, or both disagree.
    """
    statement = statement_of(claim, texts.get(STATEMENT_FILE))
    return {STATEMENT_FILE: statement.to_json(), **texts}


def statement_of(claim: PrivacyStatement, text: str | None) -> Statement:
    """Read the statement of a bundle.

    Args:
        claim: What the manifest says.
        text: The bundle's statement file; None where it has none, as bundles once had that promise nothing.

    Raises:
        StatementUnreadable: If the manifest claims what no statement backs, or both disagree.
    """
    if text is None:
        if claim.mechanism != "none":
            raise StatementUnreadable(problem=f"the manifest says {claim.mechanism}, but the bundle holds none")
        return no_promise(claim.statement)
    found = read_statement(text)
    if _promise(found) != _promise(claim):
        raise StatementUnreadable(problem="the manifest says something else")
    return found


def _promise(stated: Statement | PrivacyStatement) -> tuple[object, ...]:
    return stated.mechanism, stated.unit, stated.epsilon, stated.delta
