"""What a session takes from its surroundings, and what it keeps to itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests
import urllib3

from okta_mi_provider.clients.credentials import HeaderAuth, secret
from okta_mi_provider.clients.errors import ConfigurationError, WriteInDryRun
from okta_mi_provider.clients.http import HttpSession, Transport
from okta_mi_provider.clients.urls import BaseUrl

BASE = BaseUrl("https://mi.example.org")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lower-case names go first, wherever they come from."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Recorder(requests.adapters.BaseAdapter):
    """Answers everything with 200, and remembers how it was asked."""

    def send(self, request: requests.PreparedRequest, **options: object) -> requests.Response:  # type: ignore[override]
        self.request, self.options = request, options
        response = requests.Response()
        response.status_code, response.request, response.raw = 200, request, urllib3.HTTPResponse(b"")
        return response

    def close(self) -> None:
        """Holds nothing."""


def _sent(session: HttpSession) -> Recorder:
    recorder = Recorder()
    session._session.mount("https://", recorder)
    session.send("GET", "/api/user", auth=HeaderAuth("Token", "t"))
    return recorder


def test_netrc_does_not_replace_the_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine mi.example.org login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    headers = _sent(_session()).request.headers
    assert headers["Token"] == "t"
    assert "Authorization" not in headers


def _session(**transport: object) -> HttpSession:
    return HttpSession("MI", BASE, Transport(**transport))  # type: ignore[arg-type]


def test_the_environments_proxy_and_authorities_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    options = _sent(_session()).options
    assert options["proxies"]["https"] == "http://proxy.example.org:3128"  # type: ignore[index]
    assert options["verify"] == str(tmp_path)


def test_a_server_outside_the_proxys_reach_is_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("NO_PROXY", "mi.example.org")
    assert not _sent(_session()).options["proxies"]


def test_what_the_connection_says_about_certificates_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/elsewhere")
    assert _sent(_session(verify=False)).options["verify"] is False
    assert _sent(_session(verify=str(tmp_path))).options["verify"] == str(tmp_path)


def test_authorities_that_are_not_there_are_found_out_at_once() -> None:
    with pytest.raises(ConfigurationError, match=r"'/no/such/file.pem', which does not exist"):
        _session(verify="/no/such/file.pem")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_lesson_21_a_read_only_session_sends_no_write(method: str) -> None:
    session = _session(read_only=True)
    recorder = _sent(session)
    with pytest.raises(WriteInDryRun):
        session.send(method, "/api/user/", auth=None, body={})
    assert recorder.request.method == "GET"


@pytest.mark.parametrize("value", [None, "", "  ", "two words", "line\nbreak", "nöt-ascii"])
def test_a_secret_that_cannot_be_one_is_refused_and_not_shown(value: str | None) -> None:
    with pytest.raises(ConfigurationError) as caught:
        secret(value, "The token")
    assert not (value or "").strip() or value not in str(caught.value)


def test_blanks_around_a_secret_come_from_copying() -> None:
    assert secret(" 00abc\n", "The token") == "00abc"
