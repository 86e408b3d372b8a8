"""Errors as ``{"error": {"code", "message"}}`` with the right status, whatever went wrong."""

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from starlette.exceptions import HTTPException

from mailcrm.crm.done import NotFound, Refused, Taken
from mailcrm.crm.rights import Forbidden
from mailcrm.store.faults import in_a_line, is_away
from mailcrm.web.api.access import Unknown

_log = logging.getLogger(__name__)
_STATUS = ((Unknown, 401), (Forbidden, 403), (NotFound, 404), (Taken, 409), (Refused, 422))
_CODES = {400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
          409: "conflict", 422: "invalid", 500: "internal", 503: "unavailable"}  # fmt: skip


class Fault(BaseModel):
    code: str
    message: str


class ErrorOut(BaseModel):
    """The body of every answer from 400 upwards."""

    error: Fault


ANSWERS: dict[int | str, dict[str, Any]] = {
    401: {"model": ErrorOut, "description": "No valid key"},
    403: {"model": ErrorOut, "description": "The role of the key's user does not allow it"},
    404: {"model": ErrorOut, "description": "It does not exist, or the user may not see it"},
    409: {"model": ErrorOut, "description": "What should be unique is taken"},
    422: {"model": ErrorOut, "description": "A parameter or field is unknown or does not fit"},
}


def answer(status: int, message: str) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    body = {"error": {"code": _CODES.get(status, "error"), "message": message}}
    return JSONResponse(body, status, headers)


def add_handlers(app: FastAPI) -> None:
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(IntegrityError, _conflict)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(Exception, _broken)


async def _refused(_request: Request, e: Exception) -> JSONResponse:
    return answer(next(status for kind, status in _STATUS if isinstance(e, kind)), str(e))


async def _invalid(_request: Request, e: Exception) -> JSONResponse:
    faults: Sequence[Any] = e.errors() if isinstance(e, RequestValidationError) else ()
    return answer(422, "; ".join(_worded(fault) for fault in faults[:10]))


def _worded(fault: dict[str, Any]) -> str:
    where = ".".join(str(part) for part in fault["loc"] if part not in ("query", "body", "path"))
    if fault["type"] == "json_invalid":
        return f"The body is not JSON: {fault.get('ctx', {}).get('error', '')}"
    said = "unknown name" if fault["type"] == "extra_forbidden" else str(fault["msg"]).removeprefix("Value error, ")
    return f"{where}: {said}" if where else said


async def _http(_request: Request, e: Exception) -> JSONResponse:
    if not isinstance(e, HTTPException):
        raise e
    return answer(e.status_code, str(e.detail))


async def _conflict(_request: Request, _e: Exception) -> JSONResponse:
    return answer(409, "Somebody else changed this at the same time, or it exists already.")


async def _database(request: Request, e: Exception) -> JSONResponse:
    if not is_away(e):
        return await _broken(request, e)
    _log.warning("%s %s: the database is away: %s", request.method, request.url.path, in_a_line(e))
    return answer(503, "The database does not answer just now; try again in a moment.")


async def _broken(request: Request, e: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=e)
    return answer(500, "Something broke here; it has been written to the log.")
