"""What the HTTP service refuses, and what keeps it from starting.

Leaves below `Refusal` answer a caller; `serving.problems` holds the one table that says how. Those below
`ServingError` alone stop the server from starting.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


class ServingError(Exception):
    """The service cannot start or cannot answer."""


class ApiKeysMissing(ServingError):
    """There is no API key, and none may be made."""

    def __init__(self, *, path: Path) -> None:
        super().__init__(
            f"no API keys at {path}, so nobody could call the service. Put there "
            '{"keys": [{"name": "shop", "sha256": "<SHA-256 of the key, hexadecimal>", "roles": ["storefront"]}]}, '
            "readable by its owner alone, with keys of 32 random bytes or more, or set "
            "serving.create_missing_keys=true to let development make its own."
        )


class ApiKeysBroken(ServingError):
    """The file of API keys cannot be used."""

    def __init__(self, *, path: Path, problems: Sequence[str]) -> None:
        listed = "; ".join(problems)
        super().__init__(
            f"{path} cannot be used: {listed}. Correct it or restore it; the service does not start without keys."
        )


class HostUnknown(ServingError):
    """The host to listen on has no address."""

    def __init__(self, *, host: str, problem: str) -> None:
        super().__init__(f"host {host!r} has no address ({problem}). Set serving.host to an address of this machine.")


class PortInUse(ServingError):
    """The port to listen on cannot be had."""

    def __init__(self, *, address: str, port: int, problem: str) -> None:
        super().__init__(
            f"cannot listen on {address}:{port} ({problem}). Stop what listens there, or choose another port with "
            "serving.port or FAIRSHELF_SERVING__PORT."
        )


@dataclass(frozen=True)
class FieldError:
    """One fault in a request: where, which kind, and what to do about it."""

    field: str
    code: str
    message: str


class Refusal(ServingError):
    """A request that is answered with a problem document."""

    errors: tuple[FieldError, ...] = ()


class BodyMalformed(Refusal):
    """The body is not JSON."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(f"the body is not valid JSON ({problem}). Send one JSON object in UTF-8.")


class BodyTooDeep(Refusal):
    """The body nests deeper than any request of ours."""

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"the body nests more than {limit} levels deep. No request needs that; see /openapi.json.")


class BodyTooLarge(Refusal):
    """The body is larger than the service takes."""

    def __init__(self, *, limit_bytes: int) -> None:
        super().__init__(f"the body is larger than {limit_bytes} bytes. Split it into several requests.")


class BodyTooSlow(Refusal):
    """The body did not arrive in time."""

    def __init__(self, *, limit_s: float) -> None:
        super().__init__(f"the body had not arrived after {limit_s:g} seconds. Send it again.")


class ContentTypeUnsupported(Refusal):
    """The body is declared to be something else than plain JSON."""

    def __init__(self, *, got: str) -> None:
        super().__init__(
            f"the body is declared as {got!r}. Send Content-Type: application/json, uncompressed, in UTF-8."
        )


class ClientGone(ServingError):
    """The caller hung up before the body was complete; nobody is left to answer."""

    def __init__(self) -> None:
        super().__init__("the caller hung up before the body was complete; nothing of it was kept. Send it again.")


class FieldsInvalid(Refusal):
    """One or more fields cannot be used; all of them are listed."""

    def __init__(self, *, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        fields = "field" if len(self.errors) == 1 else "fields"
        super().__init__(
            f"{len(self.errors)} {fields} cannot be used; each is listed under errors. /openapi.json has the schema."
        )


class KeyAbsent(Refusal):
    """The request carries no API key."""

    def __init__(self) -> None:
        super().__init__("this route needs an API key. Send it as `Authorization: Bearer <key>` or `X-API-Key: <key>`.")


class KeyUnknown(Refusal):
    """The request carries a key that nobody issued."""

    def __init__(self) -> None:
        super().__init__("the API key is not known here. Check it, or ask the operator for a new one.")


class RoleMissing(Refusal):
    """The key is good, but not for this route."""

    def __init__(self, *, wanted: Iterable[str]) -> None:
        super().__init__(
            f"this key may not use this route. Use a key with one of the roles: {', '.join(sorted(wanted))}."
        )


class RouteUnknown(Refusal):
    """There is nothing at this address."""

    def __init__(self) -> None:
        super().__init__("there is no such route. /openapi.json lists every route.")


class MethodUnknown(Refusal):
    """The address exists, but not with this method."""

    def __init__(self, *, method: str, allowed: Iterable[str]) -> None:
        self.allowed = tuple(sorted(allowed))
        super().__init__(f"{method} is not offered here. Use {' or '.join(self.allowed)}.")


class ProductUnknown(Refusal):
    """A product is not among those the served model knows."""

    def __init__(self, *, product_id: str, n_products: int, version: str) -> None:
        super().__init__(
            f"product {product_id!r} is not among the {n_products} products of model version {version}. "
            "Check the id; a product enters with the next training once enough customers have bought it."
        )


class DecisionUnknown(Refusal):
    """No decision is on record under an id."""

    def __init__(self, *, decision_id: str) -> None:
        super().__init__(
            f"no decision {decision_id!r} on record. Use the decision_id of an answer; dry runs leave no record."
        )


class ModelVersionUnknown(Refusal):
    """There is no bundle of that model and version."""

    def __init__(self, *, name: str, version: str) -> None:
        super().__init__(
            f"no version {version!r} of model {name!r} on this server. GET /v1/models lists what there is."
        )


class FairnessReportUnknown(Refusal):
    """No fairness report is on record under an id."""

    def __init__(self, *, report_id: str) -> None:
        super().__init__(f"no fairness report {report_id!r} on record. Choose one that GET /v1/fairness-reports lists.")


class FairnessReportDamaged(Refusal):
    """A fairness report is not as the auditor signed it."""

    def __init__(self, *, report_id: str) -> None:
        super().__init__(
            f"fairness report {report_id!r} is not as the auditor signed it, so nothing rests on it. "
            "Restore its files from a backup, or run `fairshelf audit` again; GET /v1/fairness-reports says more."
        )


class FairnessPageUnknown(Refusal):
    """A fairness report was stored without one of its pages."""

    def __init__(self, *, report_id: str, page: str) -> None:
        super().__init__(
            f"fairness report {report_id!r} was stored without its {page}. Read the figures themselves at "
            f"/v1/fairness-reports/{report_id}, or run `fairshelf audit` again, which writes its pages."
        )


class AlreadySignedOff(Refusal):
    """A member of the committee said the same of a report before."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(f"{problem.rstrip('.')}. Read the report's sign_offs for what is on record.")


class WaiverUnknown(Refusal):
    """No waiver is on record under an id."""

    def __init__(self, *, waiver_id: str) -> None:
        super().__init__(f"no waiver {waiver_id!r} on record. GET /v1/waivers lists what there is.")


class OwnWaiver(Refusal):
    """Whoever asked for a waiver may not approve it as well."""

    def __init__(self, *, waiver_id: str) -> None:
        super().__init__(
            f"waiver {waiver_id!r} was asked for with this key, and nobody approves his own waiver. Ask a colleague "
            "with an ethics key of another name to approve it."
        )


class WaiverClosed(Refusal):
    """A waiver cannot be moved so from where it stands."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(f"{problem.rstrip('.')}. GET /v1/waivers lists where each stands.")


class WaiverNotAllowed(Refusal):
    """What a waiver is asked for cannot be waived."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(f"{problem.rstrip('.')}. Read the report's measures for what decides.")
        self.errors = (FieldError(field="measure", code="NOT_WAIVABLE", message=problem),)


class WaiverTimeInvalid(Refusal):
    """A waiver would end too late, or before it began."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(f"{problem.rstrip('.')}. Send an expires_at that the policy allows.")
        self.errors = (FieldError(field="expires_at", code="OUT_OF_RANGE", message=problem),)


class CommitteeLogBroken(Refusal):
    """The committee's log is not as it was written, so nobody can say what it decided."""

    def __init__(self, *, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            "the ethics committee's log is not as it was written, so what it decided cannot be told and nothing new is "
            "taken in. Keep the log as evidence; the operator finds the fault with `fairshelf doctor`."
        )


class CommitteeKeysUnusable(Refusal):
    """A key that the committee's record needs is missing or does not fit."""

    def __init__(self, *, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            "this server lacks a key of the auditor or the ethics committee, so it can neither check nor sign, and "
            "nothing of this request was kept. Ask the operator to supply it; `fairshelf doctor` names the file."
        )


class NotReady(Refusal):
    """No verified model is loaded."""

    def __init__(self, *, model: str, retry_after_s: int, refused: bool) -> None:
        self.retry_after_s = retry_after_s
        because = " The champion on disk was refused; the log and GET /v1/models say why." if refused else ""
        super().__init__(
            f"no verified champion of model {model!r} is loaded.{because} Train one with `fairshelf train {model}`, "
            f"audit it with `fairshelf audit {model}`, then `fairshelf promote {model}`; this server picks it up by "
            "itself."
        )


class StorageUnavailable(Refusal):
    """The database cannot take or give what was asked; nothing of the request was kept."""

    def __init__(self, *, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            "the server's storage cannot be used at the moment (full, locked or damaged), and nothing of this request "
            "was kept. Send it again later; the operator finds the cause in the log and with `fairshelf doctor`."
        )


class Unexpected(Refusal):
    """A bug: the service failed in a way nobody foresaw."""

    def __init__(self) -> None:
        super().__init__(
            "the service failed unexpectedly. Report the request_id to the operator; the log names the cause."
        )


class TrackUnknown(ServingError):
    """A demand track was named that does not exist."""

    def __init__(self, *, name: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no track {name!r}. Give --track one of: {', '.join(known)}.")


class ObjectiveUnknown(ServingError):
    """A pricing objective was named that does not exist."""

    def __init__(self, *, name: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no objective {name!r}. Give --objective one of: {', '.join(known)}.")


class DateMalformed(ServingError):
    """A date on the command line cannot be read."""

    def __init__(self, *, text: str) -> None:
        super().__init__(f"{text!r} is not a date of the form YYYY-MM-DD. Write it like 2017-12-04.")


class DiskSpaceShort(ServingError):
    """There is too little free disk for a long job."""

    def __init__(self, *, folder: Path, free_gb: float, limit_gb: float) -> None:
        super().__init__(
            f"{folder} has {free_gb:.1f} GB free; storage.min_free_gb asks for {limit_gb:g} GB. Free some space, set "
            "storage.root to a larger disk, or lower the limit with --set storage.min_free_gb=…"
        )
