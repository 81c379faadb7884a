"""The control API: state, reset, knobs, the request log, and playing the administrator."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from okta_mi_provider.simulators import credentials, seed
from okta_mi_provider.simulators.knobs import MIKnobs, OktaKnobs
from tests.simulators.conftest import Client, group_id
from tests.simulators.test_metric_insights_api import NEW_USER

MANUAL = Path(__file__).parents[2] / "docs" / "simulators.md"


def test_reset_brings_back_everything(okta: Client, mi: Client) -> None:
    before = okta.state(), mi.state()
    okta.knobs(page_cap=1)
    okta.fault("500")
    okta.control("DELETE", f"groups/{seed.EXAMPLE_GROUP}")
    okta.control("DELETE", "users/bruno.costa@acme.example")
    okta.control("POST", "users", {"profile": {"login": "new.one@acme.example", "email": "new.one@acme.example"}})
    mi.post("/api/user/", NEW_USER)
    mi.call("DELETE", "/api/user_group_member?group=1")
    assert (okta.state(), mi.state()) != before
    for client in (okta, mi):
        client.control("POST", "reset")
        assert client.control("GET", "stats")["requests"] == 0
    assert (okta.state(), mi.state()) == before
    assert okta.control("GET", "knobs") == OktaKnobs().model_dump(mode="json")
    assert okta.control("GET", "faults")["rules"] == []


def test_knobs_are_validated_and_merged(okta: Client, mi: Client) -> None:
    for client, body in ((okta, {"page_cap": 0}), (okta, {"colour": 1}), (mi, {"id_type": "float"}), (mi, ["x"])):
        assert requests.put(f"{client.url}/_sim/knobs", json=body, timeout=10).status_code == 422
    assert okta.control("PUT", "knobs", {"rate_limits": {"user": 5}})["rate_limits"]["groups"] == 500
    assert okta.control("GET", "knobs")["rate_limits"]["user"] == 5


def test_state_has_no_secrets(okta: Client, mi: Client) -> None:
    text = str(okta.state()) + str(mi.state())
    secrets = (credentials.OKTA_API_TOKEN, credentials.MI_APPLICATION_KEY, credentials.MI_API_TOKEN, "credentials")
    assert not [secret for secret in secrets if secret in text]


def test_log_and_totals(mi: Client) -> None:
    mi.get("/api/user", token="hidden", id="1")
    mi.post("/api/user/", NEW_USER)
    mi.post("/api/get_token", {})
    rows = mi.control("GET", "requests")["requests"]
    assert [(row["method"], row["path"], row["status"], row["write"]) for row in rows] == [
        ("GET", "/api/user", 200, False),
        ("POST", "/api/user/", 201, True),
        ("POST", "/api/get_token", 401, False),
    ]
    assert rows[0]["query"] == "token=***&id=1"
    totals = mi.control("GET", "stats")
    assert totals["by_method"] == {"GET": 1, "POST": 2}
    assert (totals["requests"], totals["writes"], totals["peak_in_flight"], totals["in_flight"]) == (3, 1, 1, 0)
    assert mi.control("DELETE", "requests")["requests"] == 0
    assert mi.control("GET", "requests") == {"requests": []}


def test_latency(mi: Client) -> None:
    mi.knobs(latency_ms=60)
    mi.get("/api/user")
    (row,) = mi.control("GET", "requests")["requests"]
    assert row["duration_ms"] >= 60


def test_administering_okta(okta: Client) -> None:
    made = okta.control("POST", "users", {"profile": {"login": "new.one@acme.example"}, "status": "STAGED"})["id"]
    okta.control("PUT", f"users/{made}", {"status": "ACTIVE", "profile": {"firstName": "New"}})
    group = okta.control("POST", "groups", {"name": "Fresh"})["id"]
    okta.control("PUT", f"groups/{group}", {"name": "Fresher"})
    assert okta.control("PUT", "groups/Fresher/members/new.one@acme.example") == {"changed": True}
    assert okta.control("PUT", "groups/Fresher/members/new.one@acme.example") == {"changed": False}
    (member,) = okta.get(f"/api/v1/groups/{group}/users").json()
    assert (member["status"], member["profile"]["firstName"]) == ("ACTIVE", "New")
    assert okta.control("DELETE", f"groups/Fresher/members/{made}") == {"changed": True}
    assert okta.get(f"/api/v1/groups/{group}/users").json() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "users/nobody", {"status": "ACTIVE"}, 404),
        ("PUT", "users/ana.silva@acme.example", {"status": "ASLEEP"}, 422),
        ("PUT", "users/ana.silva@acme.example", {"profile": {"login": "Bruno.Costá@acme.example"}}, 422),
        ("POST", "users", {"profile": {"login": "ÁNA.silva@acme.example"}}, 422),
        ("POST", "users", {"profile": {"login": "x"}}, 422),
        ("POST", "groups", {"name": seed.FINANCE}, 422),
        ("POST", "groups", {"name": "x", "type": "NONE"}, 422),
        ("DELETE", "groups/nothing", None, 404),
        ("PUT", f"groups/{seed.SHARED_NAME}/members/ana.silva@acme.example", None, 422),
        ("PUT", f"groups/{seed.FINANCE}/members/nobody", None, 404),
    ],
)
def test_what_the_org_refuses(okta: Client, method: str, path: str, body: object, status: int) -> None:
    before = okta.state()
    assert requests.request(method, f"{okta.url}/_sim/{path}", json=body, timeout=10).status_code == status
    assert okta.state() == before


def test_a_refused_profile_leaves_the_status(okta: Client) -> None:
    body = {"profile": {"login": "bruno.costa@acme.example"}, "status": "SUSPENDED"}
    path = f"{okta.url}/_sim/users/ana.silva@acme.example"
    assert requests.put(path, json=body, timeout=10).status_code == 422
    assert okta.get("/api/v1/users/ana.silva@acme.example").json()["status"] == "ACTIVE"


def test_administering_metric_insights(mi: Client) -> None:
    assert mi.control("PUT", "users/by.hand", {"first_name": "By"})["email"] == "by.hand@example.com"
    assert mi.control("PUT", "users/by.hand", {"type": "power"})["first_name"] == "By"
    assert mi.control("PUT", "groups/By Hand", {})["all_access_group"] == "N"
    member = mi.control("PUT", "groups/By Hand/members/by.hand")
    assert mi.get("/api/user_group_member", group=member["group"]).json()["user_group_members"]
    assert mi.control("DELETE", f"groups/{member['group']}/members/by.hand") == {"changed": True}
    mi.control("DELETE", "groups/By Hand")
    mi.control("DELETE", "users/by.hand")
    assert requests.delete(f"{mi.url}/_sim/users/by.hand", timeout=10).status_code == 404
    mi.post("/api/user/", NEW_USER)
    assert len(mi.control("GET", "outbox")["mails"]) == 1
    assert mi.control("DELETE", "outbox") == {"mails": []}


def test_unknown_control_paths(okta: Client, mi: Client) -> None:
    for client in (okta, mi):
        assert requests.get(f"{client.url}/_sim/nothing", timeout=10).status_code == 404


def test_the_manual_names_every_knob_fault_route_and_call(okta: Client, mi: Client) -> None:
    text = MANUAL.read_text(encoding="utf-8")
    wanted = {f"`{name}`" for knobs in (OktaKnobs, MIKnobs) for name in knobs.model_fields}
    for client in (okta, mi):
        book = client.control("GET", "faults")
        wanted |= {f"`{name}`" for name in [*book["faults"], *book["routes"]]}
        wanted |= set(client.control("GET", "openapi.json")["paths"])
    assert {name for name in wanted if name not in text} == set()


def test_group_id_helper_finds_imported_groups_by_id_only(okta: Client) -> None:
    assert okta.control("PUT", f"groups/{group_id(okta, 'Everyone')}/members/ana.silva@acme.example") == {
        "changed": False
    }
