"""What each route of the ethics committee does with a checked request; all of it waits for the disk, so in a thread."""

import asyncio
from typing import cast

from serving.exchange import Call, Reply, as_json, as_page
from serving.schemas_fairness import (
    FairnessReportsQuery,
    SignOffRequest,
    WaiverMoveRequest,
    WaiverRequest,
    WaiversQuery,
)
from serving.services import Services


async def fairness_reports(services: Services, call: Call) -> Reply:
    """List reports."""
    query = cast("FairnessReportsQuery", call.query)
    page = await asyncio.to_thread(
        services.fairness.reports, model=query.model, kind=query.kind, limit=query.limit, cursor=query.cursor
    )
    return as_json(page)


async def fairness_report(services: Services, call: Call) -> Reply:
    """Show one report and what became of it."""
    found = await asyncio.to_thread(services.fairness.report, _report_id(call))
    return as_json(found, report_id=found["report_id"])


async def fairness_page(services: Services, call: Call) -> Reply:
    """Show a report as a page."""
    return as_page(await asyncio.to_thread(services.fairness.page, _report_id(call), "page"))


async def fairness_notice(services: Services, call: Call) -> Reply:
    """Show the public notice of a report."""
    return as_page(await asyncio.to_thread(services.fairness.page, _report_id(call), "notice"))


async def sign_off(services: Services, call: Call) -> Reply:
    """Sign a report."""
    request, signer = cast("SignOffRequest", call.body), _caller(call)
    signed = await asyncio.to_thread(
        services.fairness.sign_off, _report_id(call), signer, decision=request.decision, note=request.note
    )
    return as_json(signed, status=201, decision=request.decision)


async def waivers(services: Services, call: Call) -> Reply:
    """List waivers."""
    query = cast("WaiversQuery", call.query)
    page = await asyncio.to_thread(
        services.fairness.waivers,
        report_id=query.report_id,
        status=query.status,
        limit=query.limit,
        cursor=query.cursor,
    )
    return as_json(page)


async def request_waiver(services: Services, call: Call) -> Reply:
    """Ask for a waiver."""
    request = cast("WaiverRequest", call.body)
    asked = await asyncio.to_thread(services.fairness.request_waiver, request, _caller(call))
    return as_json(asked, status=201, waiver_id=asked["waiver_id"])


async def approve_waiver(services: Services, call: Call) -> Reply:
    """Approve a waiver that somebody else asked for."""
    request = cast("WaiverMoveRequest", call.body)
    moved = await asyncio.to_thread(services.fairness.approve_waiver, _waiver_id(call), _caller(call), request.note)
    return as_json(moved, waiver_id=moved["waiver_id"], status_now=moved["status"])


async def revoke_waiver(services: Services, call: Call) -> Reply:
    """Revoke a waiver."""
    request = cast("WaiverMoveRequest", call.body)
    moved = await asyncio.to_thread(services.fairness.revoke_waiver, _waiver_id(call), _caller(call), request.note)
    return as_json(moved, waiver_id=moved["waiver_id"], status_now=moved["status"])


def _report_id(call: Call) -> str:
    return call.path["report_id"]


def _waiver_id(call: Call) -> str:
    return call.path["waiver_id"]


def _caller(call: Call) -> str:
    return call.caller.name if call.caller else "nobody"  # no route of the committee is public
