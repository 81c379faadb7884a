"""Answers: read whole, but not for ever and not without an end; the JSON in them, or what they are instead of it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any, NoReturn

import requests
from requests.utils import get_encoding_from_headers

from okta_mi_provider.clients.advice import SOMETHING_BETWEEN
from okta_mi_provider.clients.errors import BadAnswer, Call, Unavailable
from okta_mi_provider.clients.urls import BaseUrl

#: Most bytes of one answer, unpacked. A list of a million users has fewer.
MOST_BYTES = 256 * 2**20
#: How many bytes are taken at most at a time.
_PIECE = 2**16


class _Whole:
    """A body that is here: handed out in one piece, and then gone. A large one, kept twice, would fill the memory."""

    def __init__(self, body: bytearray) -> None:
        self._body = body

    def read(self, _size: int = -1) -> bytearray:
        """All of it, whatever the size; the second time nothing."""
        body, self._body = self._body, bytearray()
        return body

    def close(self) -> None:
        """Lets go of it."""
        self._body = bytearray()


def read_body(response: requests.Response, call: Call, *, within_s: float) -> None:
    """Reads the body of an answer that was asked for as a stream, so that its `content` is there.

    The timeout of a socket limits silence only: a server that sends a byte now and then would keep us for ever, and a
    few kilobytes of packed blanks would fill all memory.

    Args:
        response: The answer.
        call: What it answers, for messages.
        within_s: Seconds that it may take.

    Raises:
        Unavailable: If it takes longer.
        BadAnswer: If there is no end to it.
        urllib3.exceptions.HTTPError: If the connection breaks, or the body is not packed as the answer says.
    """
    ends_at = time.monotonic() + within_s
    body = bytearray()
    # Whatever is there, not as much as was asked for: that would wait inside.
    while piece := response.raw.read1(_PIECE, decode_content=True):
        body += piece
        if len(body) > MOST_BYTES:
            response.close()
            answered = replace(call, status=response.status_code)
            raise BadAnswer(answered, f"it has more than {MOST_BYTES:,} bytes, which no list has")
        if time.monotonic() > ends_at:
            response.close()
            raise Unavailable(call, f"the answer was not complete after {within_s:g} s")
    response.raw = _Whole(body)


def json_of(response: requests.Response) -> Any:
    """The JSON of an answer: UTF-8, whatever kind of text it is said to be, unless another coding is named.

    Nothing is guessed: a wrong guess would be written into MI as somebody's name.

    Raises:
        ValueError: If it is none; also if it is nested deeper, or has longer numbers, than anything that makes sense.
    """
    content = response.content
    try:
        try:
            return json.loads(content, parse_constant=_refuse)
        except UnicodeDecodeError:
            return json.loads(content.decode(_declared_coding(response)), parse_constant=_refuse)
    except (LookupError, RecursionError) as error:
        raise ValueError(str(error)) from None


def json_body(response: requests.Response, call: Call, base: BaseUrl) -> Any:
    """The same, where an answer without it is a failure.

    Args:
        response: The answer.
        call: The request behind it.
        base: Whose answer it should be.

    Raises:
        Unavailable: If there is none: something between us and the server has answered, or cut it off.
    """
    try:
        return json_of(response)
    except ValueError:
        raise Unavailable(call, f"the answer is {no_json(response)}", SOMETHING_BETWEEN.format(base=base)) from None


def no_json(response: requests.Response) -> str:
    """What an answer is that is no JSON."""
    if not response.content:
        return "empty"
    return "a web page" if is_page(response) else "not JSON, or not all of it"


def is_page(response: requests.Response) -> bool:
    """Whether an answer says that it is for a browser."""
    return "html" in response.headers.get("Content-Type", "").casefold()


def redirect_error(response: requests.Response, call: Call) -> BadAnswer | None:
    """The error for an answer that points elsewhere: credentials are never taken to another address."""
    if 300 <= response.status_code < 400:
        return BadAnswer(call, "it points to another address", "Redirects are not followed: check host and scheme.")
    return None


def _declared_coding(response: requests.Response) -> str:
    stated = "charset" in response.headers.get("Content-Type", "").casefold()
    return (stated and get_encoding_from_headers(response.headers)) or "utf-8"


def _refuse(word: str) -> NoReturn:
    """Python reads NaN and Infinity, which JSON does not have."""
    raise ValueError(f"{word} is not JSON")
