"""What people write as a host, and what it means."""

from __future__ import annotations

import pytest

from okta_mi_provider.clients.errors import ConfigurationError
from okta_mi_provider.clients.urls import metric_insights_url, okta_url


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("acme.okta.com", "https://acme.okta.com"),
        ("  https://acme.okta.com/  ", "https://acme.okta.com"),
        ("https://acme.okta.com/admin/users?x=1", "https://acme.okta.com"),
        ("https://login.acme.org:8443", "https://login.acme.org:8443"),
        ("ACME.okta-emea.com", "https://acme.okta-emea.com"),
        ("http://127.0.0.1:8081", "http://127.0.0.1:8081"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:8081", "http://[::1]:8081"),
        ("https://some-admin.example.org", "https://some-admin.example.org"),
    ],
)
def test_a_usable_okta_host(written: str, meant: str) -> None:
    assert str(okta_url(written)) == meant


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "missing"),
        ("https://{yourOktaDomain}", "placeholder"),
        ("https://acme-admin.okta.com", "https://acme.okta.com"),
        ("https://acme-admin.oktapreview.com", "https://acme.oktapreview.com"),
        ("https://me:s3cret@acme.okta.com", "user or password"),
        ("https://https://acme.okta.com", "is not a host"),
        ("https://acme.okta.com.com", "twice"),
        ("http://acme.okta.com", "not encrypted"),
        ("http://127.0.0.1.evil.example", "not encrypted"),
        ("ftp://acme.okta.com", "https://"),
        ("https://acme.okta.com:port", "is not a host"),
        ("https://ac me.okta.com", "is not a host"),
        ("https://", "is not a host"),
    ],
)
def test_an_unusable_okta_host_is_told_what_to_write(written: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        okta_url(written)
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_http_to_another_machine_must_be_allowed() -> None:
    assert str(okta_url("http://okta.test", allow_http=True)) == "http://okta.test"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("mi.example.org", "https://mi.example.org"),
        ("https://bi.example.org/mi/", "https://bi.example.org/mi"),
        ("https://bi.example.org/mi/api/", "https://bi.example.org/mi"),
    ],
)
def test_mi_may_live_below_a_path(written: str, meant: str) -> None:
    assert str(metric_insights_url(written)) == meant
