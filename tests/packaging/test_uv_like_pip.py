"""uv gets its packages from where pip gets them."""

from __future__ import annotations

import pytest

from scripts.uv_like_pip import parse_pip_settings, uv_environment


def test_pip_settings_win_in_the_order_of_pip():
    listing = (
        "global.index-url='https://global.example/simple'\n"
        "install.index-url='https://install.example/simple'\n"
        ":env:.cert='/etc/ssl/own.pem'\n"
        "global.cert='/etc/ssl/global.pem'\n"
        "global.timeout='60'\n"
        "download.index-url='https://download.example/simple'\n"
    )
    assert parse_pip_settings(listing) == {
        "index-url": "https://install.example/simple",
        "cert": "/etc/ssl/own.pem",
    }


def test_several_values_are_separated_as_uv_wants_them():
    listing = "global.extra-index-url='\\nhttps://a.example\\nhttps://b.example'\nglobal.find-links='/one /two'\n"
    assert uv_environment(parse_pip_settings(listing), {}) == {
        "UV_INDEX": "https://a.example https://b.example",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/one,/two",
    }


@pytest.mark.parametrize("variable", ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_NO_INDEX"])
def test_settings_of_uv_itself_win(variable):
    environment = {variable: "1", "HOME": "/home/somebody"}
    assert uv_environment({"index-url": "https://pip.example/simple"}, environment) == environment


def test_nothing_set_changes_nothing():
    assert uv_environment(parse_pip_settings(""), {"HOME": "/home/somebody"}) == {"HOME": "/home/somebody"}
