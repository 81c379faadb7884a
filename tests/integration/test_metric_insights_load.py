"""Many writes at once: a server that bears fewer than it is sent, and sessions that die in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from okta_mi_provider.clients.credentials import HeaderAuth
from okta_mi_provider.clients.ensure import EnsuringWriter
from okta_mi_provider.clients.errors import AuthError, RateLimited, Unavailable
from okta_mi_provider.clients.http import HttpSession, Transport
from okta_mi_provider.clients.metric_insights import MetricInsightsClient
from okta_mi_provider.clients.metric_insights_auth import Application, PersonalToken
from okta_mi_provider.clients.metric_insights_dialect import MIDialect
from okta_mi_provider.clients.urls import metric_insights_url
from okta_mi_provider.simulators import credentials
from okta_mi_provider.sync.apply import upsert_users
from okta_mi_provider.sync.model import SourceGroup, TargetGroup, TargetUser
from okta_mi_provider.sync.outcome import Outcome, Status
from okta_mi_provider.sync.plan import Change, ChangeKind, Plan
from tests.integration.canned import Answer, canned
from tests.integration.conftest import AtWrite, Provision
from tests.integration.crowded import REFUSALS, crowded
from tests.integration.world import MetricInsights, Okta

FINANCE, DEFAULT = TargetGroup("5", "Finance"), TargetGroup("1", "Default Group")


def client(url: str, *, most: int = 4, max_wait_s: float = 120.0, **dialect: Any) -> MetricInsightsClient:
    chosen = MIDialect(**dialect)
    login = Application(
        credentials.MI_APPLICATION_ID,
        credentials.MI_APPLICATION_KEY,
        credentials.MI_USER,
        credentials="test",
        renew_after_s=chosen.proactive_refresh_s,
    )
    return MetricInsightsClient(
        metric_insights_url(url),
        login,
        credentials="test",
        transport=Transport(max_wait_s=max_wait_s),
        max_concurrency=most,
        dialect=chosen,
    )


def bearer(url: str, **transport: Any) -> MetricInsightsClient:
    return MetricInsightsClient(
        metric_insights_url(url),
        PersonalToken("simulated", credentials="test"),
        credentials="test",
        transport=Transport(**transport),
    )


def create_all(mi: MetricInsightsClient, number: int) -> list[Outcome]:
    """Creates so many users in Finance, as many at a time as the client may."""
    people = [TargetUser("", f"u{n}", f"u{n}@x.example", "U", str(n), "regular") for n in range(number)]
    changes = tuple(Change(ChangeKind.CREATE_USER, FINANCE.name, after=person) for person in people)
    plan = Plan("", (SourceGroup("00g", "Finance"),), mi.host, FINANCE, DEFAULT, changes, (), number, number, 0, 0, 0)
    return list(upsert_users(plan, FINANCE, EnsuringWriter(mi), mi.max_concurrency))


# ---------------------------------------------------------------------- overload


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize(("bears", "most"), [(1, 4), (2, 16), (3, 64)])
def test_a_server_that_bears_fewer_at_once_gets_everything_written_once(refusal: str, bears: int, most: int) -> None:
    with crowded(bears, refusal) as server:
        mi = client(server.url, most=most)
        outcomes = create_all(mi, 200)
        assert {outcome.error for outcome in outcomes} == {None}
        assert {outcome.status for outcome in outcomes} == {Status.DONE}
        assert all(outcome.joined for outcome in outcomes)
        assert len(server.users) == 200
        assert len(server.members) == 400
        # Each halving may refuse what is in flight; afterwards what was too much is tried seldom.
        assert server.refused <= 2 * most + 30
        assert server.requests < 200 + 3 * server.refused + 10


def test_a_server_that_bears_them_all_refuses_none_and_the_limit_stays() -> None:
    with crowded(8) as server:
        mi = client(server.url, most=8)
        create_all(mi, 60)
        assert (server.refused, mi.limit) == (0, 8)


def test_a_single_deadlock_is_grown_out_of(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 60)
    mi.fault("deadlock", method="POST", route="users", after=5)
    run = provision("-v", "-a", "all", "Finance")
    assert run.users == {"source": 60, "created": 60}
    assert run.err.count("cannot keep up: at most 2 requests in flight from now on, not 4") == 1
    assert run.err.count("4 requests in flight may be tried again") == 1


def test_a_deadlock_for_ever_ends(provision: Provision, okta: Okta, mi: MetricInsights) -> None:
    okta.group("Finance", "ana")
    mi.fault("deadlock", method="POST", route="users", count=None)
    run = provision("-a", "all", "Finance")
    assert run.code == 1
    # At 4 and 2 in flight it is put down to the number; then three more tries, as the vendor's.
    assert mi.writes().count("POST /api/user") == 2 + 4


# ---------------------------------------------------------------------- pauses


DATE = "Sun, 01 Mar 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("status", "headers", "least"),
    [
        (429, {"Retry-After": "17"}, 17),
        (503, {"Retry-After": "17"}, 17),
        (429, {"Retry-After": "Sun, 01 Mar 2026 10:00:42 GMT", "Date": DATE}, 42),
        (503, {"Retry-After": "Sun, 01 Mar 2026 10:00:42 GMT", "Date": DATE}, 42),
        (429, {"Retry-After": "Sun, 01 Mar 2026 09:00:00 GMT", "Date": DATE}, 0),
        (429, {"Retry-After": "soon"}, 1),
        (429, {"Retry-After": "-5"}, 1),
        (429, {}, 1),
    ],
)
def test_a_pause_is_as_long_as_mi_asks(status: int, headers: dict[str, str], least: float, naps: list[float]) -> None:
    with canned(Answer({}, status, headers), Answer({"users": []})) as server:
        assert bearer(server.url).users() == ()
    (nap,) = naps
    assert least <= nap < least + 2


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("retry_after", ["61", "Sun, 01 Mar 2026 10:02:00 GMT", "9" * 400])
def test_a_pause_that_is_too_long_is_told_at_once(status: int, retry_after: str, naps: list[float]) -> None:
    answer = Answer({}, status, {"Retry-After": retry_after, "Date": DATE})
    with canned(answer) as server, pytest.raises(RateLimited) as caught:
        bearer(server.url, max_wait_s=60).users()
    assert len(server.seen) == 1
    assert naps == []
    assert 61 <= caught.value.wait_s <= 86_402
    assert caught.value.passing


def test_a_write_that_a_503_with_a_pause_has_swallowed_is_looked_for(naps: list[float]) -> None:
    user = {"id": 7, "username": "ana", "email": "ana@x.example"}
    with canned(
        Answer({}, 503, {"Retry-After": "9"}),
        Answer({"users": [user]}),
        Answer({"user_group_members": [{"id": 1, "user": 7, "group": 5}]}),
    ) as server:
        written = EnsuringWriter(bearer(server.url)).create_user(
            TargetUser("", "ana", "ana@x.example", "", "", "regular"), FINANCE, None
        )
    assert (written.target_id, written.already, written.joined) == ("7", False, True)
    assert [method for method, _, _ in server.seen] == ["POST", "GET", "GET"]
    assert naps == []


def test_a_write_whose_pause_is_too_long_is_looked_for_and_not_sent_again(naps: list[float]) -> None:
    with (
        canned(Answer({}, 503, {"Retry-After": "900"}), Answer({"users": []})) as server,
        pytest.raises(RateLimited) as caught,
    ):
        EnsuringWriter(bearer(server.url)).create_user(
            TargetUser("", "ana", "ana@x.example", "", "", "regular"), FINANCE, None
        )
    assert [method for method, _, _ in server.seen] == ["POST", "GET"]
    assert 900 <= caught.value.wait_s < 902
    assert naps == []


# ---------------------------------------------------------------------- sessions


@pytest.mark.parametrize("token_uses", [1, 2, 3, 7])
def test_sessions_that_die_every_few_requests_end_no_run(token_uses: int) -> None:
    with crowded(4, token_uses=token_uses) as server:
        outcomes = create_all(client(server.url), 60)
        assert {outcome.error for outcome in outcomes} <= {None}
        assert len(server.users) == 60
        # The list for the first user's groups is a request too.
        assert server.logins <= 61 // token_uses + 10


def test_a_thousand_writes_outlive_several_sessions(
    provision: Provision, okta: Okta, mi: MetricInsights, at_write: AtWrite
) -> None:
    okta.group("Finance")
    names = okta.crowd("Finance", 1000)
    # One by one, and not two at once: the second would be about a token that was never accepted.
    for after in (150, 400, 900):
        mi.fault("412", method="POST", route="users", after=after)
    at_write(650, mi.expire_sessions)
    run = provision("--max-concurrency", "4", "-a", "all", "Finance")
    assert run.code == 0, run.err
    assert run.users == {"source": 1000, "created": 1000}
    assert mi.faults_fired() == 3
    assert mi.members("Finance") == names
    assert len(mi.users()) == len(mi.state()["users"])
    assert len(mi.requests("POST", "/api/get_token")) == 5


def test_a_session_that_ends_twice_in_one_run_is_renewed_twice(
    provision: Provision, okta: Okta, mi: MetricInsights, at_write: AtWrite
) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 60)
    at_write(15, mi.expire_sessions)
    at_write(45, mi.expire_sessions)
    assert provision("-a", "all", "Finance").users == {"source": 60, "created": 60}
    assert len(mi.requests("POST", "/api/get_token")) == 3


@pytest.mark.parametrize("fault", ["412", "401", "login_page", "status_expired"])
@pytest.mark.parametrize(("method", "route"), [("POST", "users"), ("POST", "members"), ("POST", "groups")])
def test_a_write_that_was_done_although_its_session_died_is_ours(
    provision: Provision, okta: Okta, mi: MetricInsights, fault: str, method: str, route: str
) -> None:
    group = okta.group("Finance", "ana")
    mi.add_user("carla")
    okta.user("carla", group)
    mi.fault(fault, method=method, route=route, after_effect=True)
    run = provision("-a", "all", "Finance")
    assert run.code == 0, run.err
    assert mi.faults_fired() == 1
    assert {status for _, _, status in run.changes} == {"done"}
    assert run.report["counts"]["memberships"]["added"] == 2
    assert len(mi.requests("POST", "/api/get_token")) == 2


def test_a_personal_token_that_is_refused_is_one_request_and_one_error() -> None:
    with canned(Answer({"message": "Session expired"}, 412)) as server, pytest.raises(AuthError) as caught:
        bearer(server.url).users()
    assert len(server.seen) == 1
    assert caught.value.fatal


def test_a_new_token_that_is_refused_at_once_means_wrong_credentials() -> None:
    with crowded(1) as server:
        mi = client(server.url)
        mi.users()
        server.answer = _refusing(server.answer)  # type: ignore[method-assign]
        with pytest.raises(AuthError, match="does not accept the credentials test"):
            mi.users()
        assert server.logins == 2


def _refusing(answer: Any) -> Any:
    def refuse(method: str, path: str, *more: Any) -> Any:
        return answer(method, path, *more) if path == "/api/get_token" else (412, {"message": "Session expired"}, {})

    return refuse


class EverNew:
    """A login that always has another token to try."""

    described = "ever new tokens"
    acts_for = None

    def prepare(self, http: HttpSession) -> None:
        """There always is one."""

    @contextmanager
    def session(self, http: HttpSession, *, fresh: bool = False) -> Iterator[HeaderAuth]:
        yield HeaderAuth("Token", "another")


def test_a_request_is_sent_with_a_new_token_only_so_often() -> None:
    with canned(Answer({"message": "Session expired"}, 412)) as server:
        mi = MetricInsightsClient(metric_insights_url(server.url), EverNew(), credentials="test")
        with pytest.raises(AuthError):
            mi.users()
    assert len(server.seen) == 6


@pytest.mark.parametrize("fault", ["429", "503", "500", "empty", "reset_before"])
def test_a_login_in_trouble_in_the_middle_of_the_writes_is_tried_again(
    provision: Provision, okta: Okta, mi: MetricInsights, at_write: AtWrite, fault: str
) -> None:
    okta.group("Finance")
    okta.crowd("Finance", 20)

    def trouble() -> None:
        # In this order: whoever notices logs in at once.
        mi.fault(fault, route="get_token", count=2)
        mi.expire_sessions()

    at_write(10, trouble)
    assert provision("-a", "all", "Finance").users == {"source": 20, "created": 20}
    assert len(mi.requests("POST", "/api/get_token")) == 1 + 3


def test_a_login_that_stays_throttled_ends_after_a_few_tries(naps: list[float]) -> None:
    with canned(Answer({}, 429, {"Retry-After": "3"})) as server, pytest.raises(RateLimited):
        client(server.url).users()
    assert len(server.seen) == 4
    assert all(3 <= nap < 5 for nap in naps)


def test_a_login_that_stays_away_in_the_middle_is_not_multiplied() -> None:
    with crowded(4) as server:
        mi = client(server.url)
        mi.users()
        answer = server.answer
        logins = []

        def away(method: str, path: str, *more: Any) -> Any:
            if path == "/api/get_token":
                logins.append(path)
                return 503, {}, {}
            return 412, {}, {}

        server.answer = away  # type: ignore[method-assign]
        with pytest.raises(Unavailable):
            mi.users()
        assert len(logins) == 4
        server.answer = answer  # type: ignore[method-assign]
        assert mi.users() == ()


def test_a_token_is_replaced_when_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("okta_mi_provider.clients.metric_insights_auth.time.monotonic", lambda: now[0])
    with crowded(4) as server:
        mi = client(server.url, proactive_refresh_s=240.0)
        for age in (0, 239, 240, 479, 480):
            now[0] = 1000.0 + age
            mi.users()
        assert server.logins == 3
