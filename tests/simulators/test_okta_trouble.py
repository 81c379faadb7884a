"""How the simulated Okta misbehaves in lists, limits and headers: one test for each knob."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from tests.simulators.conftest import Client, group_id
from tests.simulators.oauth import ask, assertion, refusal
from tests.simulators.test_okta_api import error, pages


def everyone(okta: Client) -> str:
    return f"/api/v1/groups/{group_id(okta, 'Everyone')}/users"


def ids(page: list[dict[str, Any]]) -> list[str]:
    return [user["id"] for user in page]


def follow(okta: Client, answer: requests.Response) -> requests.Response:
    return okta.session.get(answer.links["next"]["url"], timeout=10)


# -- Lists -------------------------------------------------------------------------------------------------------


def test_the_same_rows_for_ever_behind_fresh_cursors(okta: Client) -> None:
    okta.knobs(endless_next="same_rows")
    answer = okta.get(everyone(okta), limit=100)
    first, urls = ids(answer.json()), set()
    for _ in range(5):
        urls.add(answer.links["next"]["url"])
        answer = follow(okta, answer)
        assert ids(answer.json()) == first
    assert len(urls) == 5


def test_empty_pages_for_ever_behind_the_last_row(okta: Client) -> None:
    okta.knobs(endless_next="empty_pages", overlap_rows=2)
    answer, sizes, urls = okta.get(everyone(okta), limit=200), [], set()
    for _ in range(4):
        sizes.append(len(answer.json()))
        urls.add(answer.links["next"]["url"])
        answer = follow(okta, answer)
    assert sizes == [200, 102, 0, 0]
    assert len(urls) == 4
    empty = okta.get("/api/v1/groups", search='profile.name eq "none of this name"')
    assert (empty.json(), "next" in empty.links) == ([], True)


@pytest.mark.parametrize("number", [1, 2])
def test_a_page_without_rows_in_mid_list(okta: Client, number: int) -> None:
    okta.knobs(empty_page_at=number)
    found = pages(okta, everyone(okta), limit=150)
    assert [len(page) for page in found] == [0 if place == number else 150 for place in (1, 2, 3)]


def test_pages_overlap(okta: Client) -> None:
    okta.knobs(overlap_rows=10)
    found = [ids(page) for page in pages(okta, everyone(okta), limit=110)]
    assert [len(page) for page in found] == [110, 110, 100]
    assert found[0][-10:] == found[1][:10]
    assert len({user for page in found for user in page}) == 300
    okta.knobs(page_cap=1)  # even then every page has a new row
    assert len(pages(okta, "/api/v1/groups")) == 15


def test_cursors_expire_after_some_pages(okta: Client) -> None:
    okta.knobs(cursor_pages=2)
    second = follow(okta, okta.get(everyone(okta), limit=100))
    assert error(follow(okta, second)) == (400, "E0000029")
    okta.knobs(bad_cursor="E0000031")
    assert error(follow(okta, second)) == (400, "E0000031")
    okta.knobs(cursor_pages=None)
    assert follow(okta, second).status_code == 200


def test_cursors_expire_after_some_time(okta: Client) -> None:
    okta.knobs(cursor_lifetime_s=600)
    first = okta.get(everyone(okta), limit=100)
    assert follow(okta, first).status_code == 200
    okta.knobs(cursor_lifetime_s=0.01)
    time.sleep(0.02)
    assert error(follow(okta, first)) == (400, "E0000029")


def test_one_cursor_expires_by_a_fault(okta: Client) -> None:
    okta.fault("400_cursor", query="after=", after=1)
    path = everyone(okta)
    second = follow(okta, okta.get(path, limit=100))
    assert error(follow(okta, second)) == (400, "E0000029")
    assert [len(page) for page in pages(okta, path, limit=100)] == [100] * 3


@pytest.mark.parametrize(("status", "code"), [(503, "E0000010"), (504, "E0000009")])
def test_high_limits_fail_by_another_status(okta: Client, status: int, code: str) -> None:
    okta.knobs(fail_above_limit=50, fail_above_limit_status=status)
    assert error(okta.get(everyone(okta), limit=51)) == (status, code)
    assert okta.get(everyone(okta), limit=50).status_code == 200


def test_a_fault_may_look_at_the_query(okta: Client) -> None:
    okta.fault("504", query=r"\blimit=(1000|500)\b", count=None)
    answers = {limit: okta.get(everyone(okta), limit=limit).status_code for limit in (1000, 500, 250, 50)}
    assert answers == {1000: 504, 500: 504, 250: 200, 50: 200}


# -- Limits ------------------------------------------------------------------------------------------------------


def begin_window(okta: Client, window_s: int, *, windows: int = 0) -> None:
    """Sets the server's clock to the begin of the window of now, or of one after it."""
    okta.knobs(clock_skew_s=windows * window_s - time.time() % window_s)


def test_windows_may_be_short(okta: Client) -> None:
    okta.knobs(rate_limit=True, rate_window_s=20, rate_limits={"groups": 2})
    begin_window(okta, 20)
    answers = [okta.get("/api/v1/groups", limit=1) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    reset = int(answers[-1].headers["X-Rate-Limit-Reset"])
    now = parsedate_to_datetime(answers[-1].headers["Date"]).timestamp()
    assert 0 < reset - now <= 20
    begin_window(okta, 20, windows=1)
    assert okta.get("/api/v1/groups", limit=1).status_code == 200


def test_somebody_else_uses_the_budget(okta: Client) -> None:
    okta.knobs(rate_limit=True, rate_limits={"groups": 5}, others_use={"groups": 3})
    begin_window(okta, 60)
    answers = [okta.get("/api/v1/groups", limit=1) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-Rate-Limit-Remaining"] for answer in answers] == ["1", "0", "0"]
    okta.knobs(others_use={"groups": 5})
    assert okta.get("/api/v1/groups").status_code == 429


def test_somebody_else_uses_it_little_by_little(okta: Client) -> None:
    okta.knobs(rate_limit=True, rate_limits={"groups": 1_000_000}, others_pace="evenly")
    okta.knobs(others_use={"groups": 600_000})  # 10,000 a second
    headers = [okta.get("/api/v1/groups").headers]
    while len(headers) < 2 or headers[-2]["X-Rate-Limit-Reset"] != headers[-1]["X-Rate-Limit-Reset"]:
        time.sleep(0.3)
        headers.append(okta.get("/api/v1/groups").headers)
    early, late = (int(each["X-Rate-Limit-Remaining"]) for each in headers[-2:])
    assert early - late > 2900


# -- Clock and headers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("skew", [3600, -3600])
def test_a_skewed_clock_is_skewed_throughout(okta: Client, skew: int) -> None:
    okta.knobs(clock_skew_s=skew)
    okta.fault("429", seconds=20)
    refused, accepted = okta.get("/api/v1/groups"), okta.get("/api/v1/groups")
    for answer in (refused, accepted):
        date = parsedate_to_datetime(answer.headers["Date"]).timestamp()
        assert abs(date - time.time() - skew) < 60
        assert 0 <= int(answer.headers["X-Rate-Limit-Reset"]) - date <= 60
    assert refused.status_code == 429
    signed = ask(okta, assertion(okta))
    assert refusal(signed) == (401, "invalid_client")
    assert ("expired" if skew > 0 else "future") in signed.json()["error_description"]
    now = int(time.time()) + skew
    assert ask(okta, assertion(okta, iat=now, exp=now + 60)).status_code == 200


def test_headers_may_be_replaced(okta: Client) -> None:
    okta.knobs(replaced_headers={"X-Rate-Limit-Reset": "soon", "link": "", "Date": "yesterday"})
    headers = okta.get("/api/v1/groups", limit=1).headers
    assert (headers["X-Rate-Limit-Reset"], headers["Link"], headers["Date"]) == ("soon", "", "yesterday")
    okta.knobs(replaced_headers={"Date": None, "link": None}, missing_headers=["x-rate-limit-reset"])
    answer = okta.get("/api/v1/groups", limit=1)
    assert parsedate_to_datetime(answer.headers["Date"]).timestamp() > 0
    assert "X-Rate-Limit-Reset" not in answer.headers
    assert "next" in answer.links
    for bad in ({"Date": "a\r\nb"}, {"Date": "ü"}):
        body = {"replaced_headers": bad}
        assert requests.put(f"{okta.url}/_sim/knobs", json=body, timeout=10).status_code == 422


def test_garbled_headers(okta: Client) -> None:
    okta.fault("garbled_headers")
    answer = okta.get("/api/v1/groups", limit=1)
    assert len(answer.json()) == 1
    rate = [answer.headers[f"X-Rate-Limit-{name}"] for name in ("Limit", "Remaining", "Reset")]
    assert (rate, answer.headers["Date"]) == (["many", "-", "soon"], "yesterday")
    assert set(answer.headers["Link"].split(", ")) == {"<<>; rel="}


# -- What the old parser fell over -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["search", "filter"])
@pytest.mark.parametrize(
    "expression",
    ["(" * 5000, "(" * 60 + 'id eq "x"' + ")" * 60, f"id eq {'9' * 400}", f"id eq {'9' * 5000}", f"id lt -{'9' * 400}"],
)
def test_expressions_too_deep_or_too_large(okta: Client, name: str, expression: str) -> None:
    assert error(okta.get("/api/v1/groups", **{name: expression})) == (400, "E0000031")


def test_the_links_of_a_user_named_by_a_login_with_diacritics(okta: Client) -> None:
    answer = okta.get("/api/v1/users/ÁNA.silva@acme.example/groups")
    assert answer.status_code == 200
    assert answer.headers["Link"].startswith(f"<{okta.url}/api/v1/users/%C3%81NA.silva@acme.example/groups?")


def test_hosts_and_cursors_that_are_nonsense(okta: Client) -> None:
    for host in ("ü", 'x">', "a b", ""):
        answer = okta.call("GET", "/api/v1/groups?limit=1", headers={"Host": host.encode()})
        assert answer.status_code in {200, 400}
    deep = "W1tb" * 4000
    assert error(okta.get("/api/v1/groups", after=deep)) == (400, "E0000029")
