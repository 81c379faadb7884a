"""Why a request has no answer, in words that help."""

from __future__ import annotations

import ssl
from dataclasses import replace

import requests
from urllib3.exceptions import HTTPError, LocationValueError

from okta_mi_provider.clients.advice import SOMETHING_BETWEEN
from okta_mi_provider.clients.errors import Call, ConfigurationError, Unavailable
from okta_mi_provider.clients.urls import BaseUrl
from okta_mi_provider.sync.errors import SyncError
from okta_mi_provider.sync.text import one_line

#: How OpenSSL puts it that the other side answers in another protocol.
_NOT_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
#: What requests and urllib3 say of a host that there cannot be.
_NO_HOST = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, LocationValueError)


def no_answer(error: Exception, call: Call, base: BaseUrl, timeout_s: float, proxied: bool) -> SyncError:
    """What to raise in place of an error of requests, urllib3 or the operating system.

    Args:
        error: What came instead of an answer.
        call: The request.
        base: The server.
        timeout_s: Longest silence that was waited for.
        proxied: Whether it was sent through a proxy.
    """
    if isinstance(error, requests.exceptions.SSLError):
        return _of_tls(error, call, base)
    if isinstance(error, requests.exceptions.Timeout):
        return Unavailable(call, f"nothing came for {timeout_s:g} s")
    if isinstance(error, _NO_HOST):
        return _of_host(error, call, base, proxied)
    if isinstance(error, HTTPError):
        # Requests has put its own errors in place of urllib3's, except while the body was read.
        return Unavailable(replace(call, broke_off=True), _reason(error), SOMETHING_BETWEEN.format(base=base))
    # Requests' own errors for broken connections, and what is no HTTP at all.
    return Unavailable(call, _reason(error), f"Is {base} the right address, and is it up?")


def _of_tls(error: Exception, call: Call, base: BaseUrl) -> SyncError:
    inner = _innermost(error)
    if isinstance(inner, ssl.SSLError) and inner.reason in _NOT_TLS:
        return ConfigurationError(
            f"{call.system} at {base} does not speak https. Is the port right? A server on this machine may be meant "
            "with http://."
        )
    if not isinstance(inner, ssl.SSLCertVerificationError):
        return Unavailable(call, _reason(error))
    return ConfigurationError(
        f"{call.system} at {base} did not get through the check of its certificate ({_reason(error)}). If its "
        "authority is your own, set 'verify' to the path of its certificate."
    )


def _of_host(error: Exception, call: Call, base: BaseUrl, proxied: bool) -> SyncError:
    if proxied:
        # The reason would show the proxy's password.
        return ConfigurationError(
            f"{call.system} at {base} cannot be asked: the proxy in HTTP_PROXY or HTTPS_PROXY is not a URL that can be "
            "used, such as http://proxy.example.org:3128."
        )
    reason = _reason(error).rstrip(".")
    return ConfigurationError(f"The {call.system} host of {base} can be none: {reason}. Correct it.")


def _innermost(error: BaseException) -> BaseException:
    inner = error.__context__ if error.__cause__ is None else error.__cause__
    return error if inner is None else _innermost(inner)


def _reason(error: BaseException) -> str:
    """Why a connection failed, in the words of the operating system."""
    inner = _innermost(error)
    return one_line(str(getattr(inner, "strerror", None) or inner or type(inner).__name__))
