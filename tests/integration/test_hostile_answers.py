"""Answers that no server should give, and some do. None is a traceback, a guess, or a wait without an end."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from okta_mi_provider.clients import body
from okta_mi_provider.clients.ensure import EnsuringWriter
from okta_mi_provider.clients.errors import ApiError, BadAnswer, ConfigurationError, RateLimited, Unavailable
from okta_mi_provider.clients.http import HttpSession, Transport
from okta_mi_provider.clients.urls import BaseUrl
from okta_mi_provider.simulators import credentials
from okta_mi_provider.sync.model import SourceGroup, TargetGroup, TargetUser
from tests.integration.canned import Answer, canned
from tests.integration.dripping import dripping
from tests.integration.mi_client import ANA, ROW, client
from tests.integration.reading import STANDARD, okta_client, usernames
from tests.integration.world import ENVIRONMENT, Run, World

FINANCE = SourceGroup("00g1", "Finance")
PATH = "/api/v1/groups/00g1/users"

#: What Python's own reader of JSON answers with something else than an error about JSON, or with a guess.
NO_JSON = {
    "nested too deeply": b"[" * 100_000 + b"]" * 100_000,
    "a number of 5000 digits": b'[{"id": "00u1", "n": ' + b"9" * 5000 + b"}]",
    "NaN": b'[{"id": "00u1", "n": NaN}]',
    "Latin-1 that nobody has announced": '[{"id": "00u1", "profile": {"login": "josé"}}]'.encode("latin-1"),
    "Latin-1 that is called UTF-8": '[{"id": "00u1", "profile": {"login": "josé"}}]'.encode("latin-1"),
}


def row(name: str) -> dict[str, Any]:
    return {"id": f"00u-{name}", "status": "ACTIVE", "profile": {"login": name, "email": f"{name}@x.example"}}


# ---------------------------------------------------------------------- bodies


@pytest.mark.parametrize("what", NO_JSON)
def test_what_is_no_json_is_an_error_of_both_clients(what: str) -> None:
    kind = "application/json; charset=utf-8" if "called" in what else "application/json"
    with canned(Answer(NO_JSON[what], headers={"Content-Type": kind})) as server:
        with pytest.raises(Unavailable, match="not JSON"):
            okta_client(server.url).members(FINANCE, STANDARD)
        with pytest.raises(Unavailable, match="not JSON"):
            client(server.url).users()


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/html", "application/json; charset=nonsense"])
@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_is_read_whatever_it_is_called(kind: str, coding: str) -> None:
    rows = json.dumps([row("josé")], ensure_ascii=False).encode(coding)
    with canned(Answer(rows, headers={"Content-Type": kind})) as server:
        assert usernames(okta_client(server.url), FINANCE) == ["josé"]


def test_a_coding_that_is_announced_is_believed() -> None:
    users = json.dumps({"users": [{**ROW, "first_name": "José"}]}, ensure_ascii=False).encode("latin-1")
    with canned(Answer(users, headers={"Content-Type": "application/json; charset=iso-8859-1"})) as server:
        (user,) = client(server.url).users()
    assert user.first_name == "José"


def test_json_that_mi_calls_a_page_is_no_dead_session() -> None:
    with canned(Answer({"users": [ROW]}, headers={"Content-Type": "text/html; charset=UTF-8"})) as server:
        assert client(server.url).users() == (ANA,)
        assert len(server.seen) == 1


def test_chunks_of_a_negative_size_are_a_broken_answer() -> None:
    answer = Answer(b"-5\r\n[]\r\n", headers={"Transfer-Encoding": "chunked", "Connection": "close"})
    with canned(answer) as server, pytest.raises(Unavailable):
        okta_client(server.url, timeout_s=1).members(FINANCE, STANDARD)


def test_an_answer_that_never_becomes_complete_is_given_up() -> None:
    # Ends after four seconds, as a list without anybody; it is given up after two.
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 202\r\n\r\n"
    with dripping([head, *[b" "] * 200, b"[]"], pause_s=0.02) as url:
        session = HttpSession("Okta", BaseUrl(url), Transport(timeout_s=0.2))
        with pytest.raises(Unavailable):
            session.send("GET", "/api/v1/groups", auth=None)


def test_an_answer_in_small_pieces_is_read_whole() -> None:
    content = json.dumps([row("ana")]).encode()
    head = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
    with dripping([head, *(content[at : at + 7] for at in range(0, len(content), 7))], pause_s=0.001) as url:
        response = HttpSession("Okta", BaseUrl(url), Transport()).send("GET", PATH, auth=None)
    assert response.json() == [row("ana")]


def test_an_answer_that_fills_the_memory_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "MOST_BYTES", 1_000_000)
    packed = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    with canned(Answer(packed, headers={"Content-Encoding": "gzip"})) as server:
        with pytest.raises(BadAnswer, match="more than 1,000,000 bytes"):
            okta_client(server.url).members(FINANCE, STANDARD)
        assert len(server.seen) == 1


@pytest.mark.parametrize("location", ["http://[", "//[x", "http://x.example/\xff\xfe", "http://x:port/", ""])
def test_a_redirect_to_what_is_no_url_is_a_redirect(location: str) -> None:
    with canned(Answer({}, 302, {"Location": location})) as server:
        with pytest.raises(BadAnswer, match="answered 302"):
            client(server.url).users()
        assert len(server.seen) == 1


# ---------------------------------------------------------------------- Okta's links


@pytest.mark.parametrize(
    "link",
    [
        '<{next}>; REL="next"',
        '<{next}>; rel="Next"',
        "<{next}>; rel=next",
        '<{next}>; rel="last next"',
        '<{next}>; title="one, two; three"; rel="next"',
        '<{next}>; title="a=b"; rel="next"',
        '<{next}>; crossorigin; rel="next"',
        '<{self}>; rel="self", <{next}>;rel="next"',
        '<{next}>; rel="next", <{next}>; rel="next"',
    ],
)
def test_a_next_link_in_every_form_that_the_standard_allows_is_followed(link: str) -> None:
    header = link.format(next=f"https://acme.okta.com{PATH}?after=1", self=f"https://acme.okta.com{PATH}?after=0")
    last = Answer([row("bruno")], headers={"Link": f'<https://acme.okta.com{PATH}?after=1>; rel="self"'})
    with canned(Answer([row("ana")], headers={"Link": header}), last) as server:
        assert usernames(okta_client(server.url), FINANCE) == ["ana", "bruno"]


@pytest.mark.parametrize(
    "link",
    [
        f'<{PATH}?after=1>; rel="next", <{PATH}?after=2>; rel="next"',
        f'{PATH}?after=1; rel="next"',
        f'<{PATH}?after=1; rel="next"',
        f'<{PATH}?after=1> rel="next"',
        f'<{PATH}?after=1>; rel="next',
        f'<http://[x{PATH}?after=1>; rel="next"',
        '<>; rel="next"',
    ],
)
def test_a_link_that_is_not_understood_is_an_error_never_the_end_of_the_list(link: str) -> None:
    with canned(Answer([row("ana")], headers={"Link": link})) as server:
        with pytest.raises(ApiError, match=r"Link header|which is no address"):
            okta_client(server.url).members(FINANCE, STANDARD)
        assert len(server.seen) <= 10


def test_a_link_that_repeats_the_token_does_not_make_us_tell_it() -> None:
    link = f'<https://acme.okta.com/{credentials.OKTA_API_TOKEN}?after=1>; rel="next"'
    with canned(Answer([row("ana")], headers={"Link": link})) as server, pytest.raises(BadAnswer) as caught:
        okta_client(server.url).members(FINANCE, STANDARD)
    assert credentials.OKTA_API_TOKEN not in str(caught.value)


@pytest.mark.parametrize("limit", ["abc", "", "0", "9" * 5000])
def test_a_page_that_is_too_much_is_asked_for_again_whatever_its_limit_is(limit: str) -> None:
    link = f'<{PATH}?after=%FF%2Bx&limit={limit}>; rel="next"'
    with canned(Answer([row("ana")], headers={"Link": link}), Answer({}, 500), Answer([row("bruno")])) as server:
        assert usernames(okta_client(server.url), FINANCE) == ["ana", "bruno"]
        assert all("after=%FF%2Bx&" in path for _, path, _ in server.seen[1:])


def test_a_cursor_stays_as_okta_wrote_it_when_its_page_shrinks() -> None:
    link = f'<{PATH}?after=%FFa+b&limit=200>; rel="next"'
    with canned(Answer([row("ana")], headers={"Link": link}), Answer({}, 500), Answer([row("bruno")])) as server:
        okta_client(server.url).members(FINANCE, STANDARD)
        assert [path for _, path, _ in server.seen[1:]] == [
            f"{PATH}?after=%FFa+b&limit=200",
            f"{PATH}?after=%FFa+b&limit=100",
        ]


# ---------------------------------------------------------------------- Metric Insights


@pytest.mark.parametrize(
    "answer", [b"[" * 100_000, {"user": {"id": None}}, {"user": {}}, {"user": {"username": "ana"}}]
)
def test_a_create_whose_answer_is_no_user_is_looked_up(answer: Any) -> None:
    created = Answer({"users": [ROW]})
    memberships = Answer({"user_group_members": [{"id": 1, "user": 7, "group": 57}]})
    with canned(Answer(answer, 201), created, memberships) as server:
        writer = EnsuringWriter(client(server.url))
        written = writer.create_user(_without_id(ANA), TargetGroup("57", "Finance"), None)
    assert (written.target_id, written.already) == ("7", False)


def test_a_user_who_is_listed_twice_is_one_user() -> None:
    with canned(Answer({"users": [ROW, ROW]})) as server:
        assert client(server.url).users() == (ANA,)


def test_a_group_that_is_listed_twice_is_one_group() -> None:
    """Two of one name would be synced by nobody."""
    row = {"id": 57, "name": "Finance"}
    with canned(
        Answer({"user_groups": [row, {"id": "57", "name": "Finance"}, {"id": 58, "name": "Finance"}]})
    ) as server:
        assert client(server.url).groups() == (TargetGroup("57", "Finance"), TargetGroup("58", "Finance"))


def test_an_id_of_thousands_of_digits_is_a_text() -> None:
    with canned(Answer({"user_group_member": {"id": 1}}, 201)) as server:
        client(server.url).add_member("9" * 5000, "57")
        assert server.bodies == [{"user": "9" * 5000, "group": 57}]


@pytest.mark.parametrize("retry_after", [f"Tue, 1 Jan 2030 {'9' * 5000}:00:00 GMT", "9" * 5000, "-5", "nan", ","])
def test_a_pause_that_is_garbage_is_an_error_or_a_pause(retry_after: str) -> None:
    with canned(Answer({}, 429, {"Retry-After": retry_after})) as server, pytest.raises((Unavailable, RateLimited)):
        client(server.url).users()


# ---------------------------------------------------------------------- addresses


@pytest.mark.parametrize("host", ["acme..okta.com", f"{'a' * 64}.okta.com", "*.okta.com", ".okta.com"])
def test_a_host_that_can_be_none_is_one_sentence_and_no_retry(
    okta_mi: Callable[..., Run], world: World, naps: list[float], host: str
) -> None:
    run = okta_mi("provision", *world.options, "--okta-host", host, "Finance", env=ENVIRONMENT)
    assert run.code == 2
    assert f"The Okta host of https://{host} can be none: " in run.err
    assert naps == []


@pytest.mark.parametrize(
    "proxy", ["http://me:pa55word@127.0.0.1:99999", "http://me:pa55word@[", "gopher://me:pa55word@x"]
)
def test_a_proxy_that_can_be_none_is_an_error_without_its_password(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    session = HttpSession("Okta", BaseUrl("https://acme.okta.invalid"), Transport())
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        session.send("GET", "/api/v1/groups", auth=None)
    assert "pa55word" not in str(caught.value)


def test_a_group_whose_name_has_bytes_that_are_no_text_is_not_found(okta_mi: Callable[..., Run], world: World) -> None:
    run = okta_mi("provision", *world.options, "Fin\udcff", env=ENVIRONMENT)
    assert run.code == 1
    assert r"Okta has no group named 'Fin\udcff'" in run.err


def _without_id(user: TargetUser) -> TargetUser:
    return TargetUser("", user.username, user.email, user.first_name, user.last_name, user.type)
