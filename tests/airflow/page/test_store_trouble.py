"""A store that is lost, empty, exchanged, damaged or elsewhere, as the pages tell it."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

import pytest

from okta_mi_provider.store import Store
from tests.airflow.page.conftest import Client

pytestmark = pytest.mark.usefixtures("migrated")


class TestTrouble:
    @pytest.fixture
    def lost(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        path = tmp_path / "secret-place" / "okta_mi.db"
        monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{path}")
        return path

    def test_a_store_that_cannot_be_opened_is_told_in_a_sentence(self, of: Client, lost: Path) -> None:
        answer = of("root").get("/okta-mi/")

        assert answer.status_code == 503
        assert str(lost) in answer.text
        assert "[okta_mi] store" in answer.text
        assert "Traceback" not in answer.text

    def test_who_may_not_read_everything_is_not_told_where_it_is(self, of: Client, lost: Path) -> None:
        answer = of("sam").get("/okta-mi/")

        assert answer.status_code == 503
        assert "secret-place" not in answer.text

    def test_an_empty_store_says_what_may_be_wrong(
        self, of: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{tmp_path / 'empty.db'}")
        assert "do not share the store" in of("dora").get("/okta-mi/").text
        # What is in the groups file is there before it has run.
        text = of("root").get("/okta-mi/").text
        assert "Newcomers" in text
        assert "Error in file" in text

    def test_a_file_that_was_put_in_the_place_of_the_store_is_what_is_read(
        self, of: Client, filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "restored.db"
        shutil.copy(filled.removeprefix("sqlite:///"), path)
        monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{path}")
        assert "Everybody" in of("root").get("/okta-mi/").text

        for each in tmp_path.glob("restored.db*"):
            each.unlink()
        Store(f"sqlite:///{path}").close()
        assert "Everybody" not in of("root").get("/okta-mi/").text

        path.unlink()
        path.write_bytes(b"something else" * 1000)
        answer = of("root").get("/okta-mi/")
        assert answer.status_code == 503
        assert "not a database" in answer.text

    @pytest.mark.parametrize(
        "damage",
        [
            "UPDATE okta_mi_runs SET state = 'strange'",
            "UPDATE okta_mi_runs SET counts = '{bad'",
            "UPDATE okta_mi_runs SET started_at = 'yesterday'",
        ],
    )
    def test_what_is_not_understood_is_told_in_a_sentence(
        self, of: Client, filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
    ) -> None:
        path = tmp_path / "damaged.db"
        shutil.copy(filled.removeprefix("sqlite:///"), path)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(damage)
            connection.commit()
        monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", f"sqlite:///{path}")

        answer = of("root").get("/okta-mi/")

        assert answer.status_code == 503
        assert "changed it by hand" in answer.text
        assert "Traceback" not in answer.text
        assert answer.headers["cache-control"] == "no-store"

    def test_the_store_may_be_a_connection_of_airflow(
        self, of: Client, filled: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AIRFLOW__OKTA_MI__STORE", "okta_mi_store")
        monkeypatch.setenv(
            "AIRFLOW_CONN_OKTA_MI_STORE", f"sqlite:///{filled.removeprefix('sqlite:///').replace('/', '%2F')}"
        )
        assert "Finance" in of("root").get("/okta-mi/").text
