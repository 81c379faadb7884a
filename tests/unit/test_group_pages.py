"""Where links to a group lead: only where the connection says, whatever a server has answered."""

from __future__ import annotations

import pytest

from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.clients.group_pages import console_of, metric_insights_group_page, okta_group_page
from okta_mi_provider.clients.metric_insights_kinds import PagePath
from okta_mi_provider.clients.urls import BaseUrl, metric_insights_url, okta_console_url, okta_url
from okta_mi_provider.sync.model import SourceGroup, TargetGroup

#: Ids that would lead elsewhere, or do something else, if they got into an address.
HOSTILE_IDS = (
    "",
    ".",
    "..",
    "../../evil",
    "//evil.example",
    "javascript:alert(1)",
    "1#@evil.example",
    "1?next=https://evil.example",
    "1\n2",
    "1 2",
    "%2e%2e",
    "<script>",
    "\u202e1",
    "1" * 101,
)


@pytest.mark.parametrize(
    ("org", "page"),
    [
        ("acme.okta.com", "https://acme-admin.okta.com/admin/group/00gA"),
        ("https://acme.oktapreview.com", "https://acme-admin.oktapreview.com/admin/group/00gA"),
        ("acme.okta-emea.com", "https://acme-admin.okta-emea.com/admin/group/00gA"),
        ("acme.okta-gov.com", "https://acme-admin.okta-gov.com/admin/group/00gA"),
        ("acme.okta.mil", "https://acme-admin.okta.mil/admin/group/00gA"),
        # A custom domain does not tell which org it is.
        ("login.acme.org", None),
        ("okta.com.evil.example", None),
        ("a.b.okta.com", None),
        ("okta.com", None),
        ("acme.okta.com:8443", None),
        ("http://127.0.0.1:8081", None),
    ],
)
def test_the_admin_console_of_an_org(org: str, page: str | None) -> None:
    assert okta_group_page(console_of(okta_url(org)), [SourceGroup("00gA", "Sales")]) == page


def test_a_connection_can_say_where_the_console_of_a_custom_domain_is() -> None:
    console = okta_console_url("https://acme-admin.okta.com/admin/dashboard")

    assert okta_group_page(console, [SourceGroup("00gA", "Sales")]) == "https://acme-admin.okta.com/admin/group/00gA"


@pytest.mark.parametrize("written", ["javascript:alert(1)", "ftp://acme.okta.com", "https://me:secret@acme.okta.com"])
def test_a_console_that_is_no_server_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        okta_console_url(written)
    assert "secret" not in str(caught.value)


def test_several_groups_lead_to_the_list_of_groups() -> None:
    groups = [SourceGroup("00gA", "Sales EU"), SourceGroup("00gB", "Sales US")]

    assert okta_group_page(BaseUrl("https://acme-admin.okta.com"), groups) == "https://acme-admin.okta.com/admin/groups"
    assert okta_group_page(BaseUrl("https://acme-admin.okta.com"), []) is None


@pytest.mark.parametrize(
    ("server", "path", "page"),
    [
        ("https://mi.example.org", "/editor/group/{id}", "https://mi.example.org/editor/group/57"),
        ("https://bi.example.org/mi/api", "/editor/group/{id}", "https://bi.example.org/mi/editor/group/57"),
        ("https://mi.example.org", "/g?id={id}#privileges", "https://mi.example.org/g?id=57#privileges"),
        ("http://127.0.0.1:8082", "/editor/group/{id}", "http://127.0.0.1:8082/editor/group/57"),
        ("http://[::1]:8082", "/editor/group/{id}", "http://[::1]:8082/editor/group/57"),
        ("https://mi.example.org", "off", None),
    ],
)
def test_the_page_of_a_group_in_mi(server: str, path: str, page: str | None) -> None:
    assert (
        metric_insights_group_page(metric_insights_url(server), PagePath().parse(path), TargetGroup("57", "S")) == page
    )


def test_nobody_is_sent_to_another_machine_without_encryption() -> None:
    server = metric_insights_url("http://mi.test", allow_http=True)

    assert metric_insights_group_page(server, "/editor/group/{id}", TargetGroup("57", "S")) is None
    assert okta_group_page(okta_console_url("http://okta.test", allow_http=True), [SourceGroup("00gA", "S")]) is None


@pytest.mark.parametrize("group_id", HOSTILE_IDS)
def test_an_id_that_is_none_makes_no_link(group_id: str) -> None:
    server = BaseUrl("https://mi.example.org")

    assert okta_group_page(server, [SourceGroup(group_id, "S")]) is None
    assert okta_group_page(server, [SourceGroup("00gA", "S"), SourceGroup(group_id, "S")]) is None
    assert metric_insights_group_page(server, "/editor/group/{id}", TargetGroup(group_id, "S")) is None


@pytest.mark.parametrize(
    "path",
    ["//evil.example/{id}", "https://evil.example/{id}", "/x", "/{id}/{id}", "/\\evil/{id}", "javascript:{id}", 7],
)
def test_a_page_that_is_no_path_is_refused(path: object) -> None:
    with pytest.raises(ValueError, match="allowed: a path such as"):
        PagePath().parse(path)
