"""Reads the fields of an Airflow connection: typed, checked, with errors that name connection and field."""

from __future__ import annotations

import difflib
import json
import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from okta_mi_provider.clients.errors import ConfigurationError, ConnectionMissing
from okta_mi_provider.clients.http import Transport
from okta_mi_provider.clients.metric_insights_dialect import Switch
from okta_mi_provider.kinds import Flag, show
from okta_mi_provider.sync.pauses import Pauses
from okta_mi_provider.sync.text import one_line, quoted
from okta_mi_provider.sync.traffic import Traffic
from okta_mi_provider.version_compat import AIRFLOW_VERSION

log = logging.getLogger(__name__)

_ENDS_IN_PORT = re.compile(r":[0-9]+$")
_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one connection. A blank text counts as missing, wherever it stands.

    Attributes:
        remarks: What is odd about them and does no harm by itself.
    """

    conn_id: str
    connection: Connection
    extra: Mapping[str, Any]
    remarks: tuple[str, ...]

    @classmethod
    def of(cls, conn_id: str, known: Collection[str]) -> Fields:
        """Gets a connection.

        Args:
            conn_id: Its id.
            known: The keys of its extra that mean something; a key that looks like one of them is warned about.

        Raises:
            ConnectionMissing: If there is no such connection.
            ConfigurationError: If its extra is not a JSON object.
        """
        try:
            connection = BaseHook.get_connection(conn_id)
        except AirflowNotFoundException:
            raise ConnectionMissing(
                f"There is no Airflow connection {conn_id!r}. Add it under Admin > Connections, or set the environment "
                f"variable AIRFLOW_CONN_{conn_id.upper()}."
            ) from None
        extra: object = connection.extra_dejson
        # What is not JSON at all comes back as an empty object.
        if not isinstance(extra, dict) or (not extra and "".join((connection.extra or "").split()) not in {"", "{}"}):
            raise ConfigurationError(f"The extra of Airflow connection {conn_id!r} is not a JSON object.")
        remarks = tuple(
            f"Connection {conn_id!r}: extra {show(key)} means nothing here; did you mean {near[0]!r}?"
            for key in sorted(extra.keys() - set(known))
            if (near := difflib.get_close_matches(key, known, n=1))
        )
        for remark in remarks:
            log.warning("%s", remark)
        return cls(conn_id, connection, extra, remarks)

    @property
    def name(self) -> str:
        """What to call the connection in messages."""
        return f"Airflow connection {self.conn_id!r}"

    @property
    def whereabouts(self) -> str:
        """Where its secret is, for messages."""
        return f"in the password of {self.name}"

    @property
    def host(self) -> str:
        """Host or URL, with schema and port if they stand in fields of their own.

        Raises:
            ConfigurationError: If there is none, or two ports.
        """
        host, port = (self.connection.host or "").strip().rstrip("/"), self.connection.port
        if not host:
            raise ConfigurationError(f"The host of {self.name} is missing: the URL of the server, with https://.")
        if port and _ENDS_IN_PORT.search(host):
            raise ConfigurationError(
                f"{self.name} has a port in its host, {quoted(host.rsplit('@', 1)[-1])}, and the port {port} besides. "
                f"Leave one of them out; 'airflow connections get {self.conn_id}' shows both, the form hides the port."
            )
        schema = (self.connection.schema or "").strip().lower()
        if schema in {"http", "https"} and "://" not in host:
            host = f"{schema}://{host}"
        return f"{host}:{port}" if port else host

    @property
    def password(self) -> str | None:
        """The secret."""
        return self.connection.password

    @property
    def login(self) -> str | None:
        """The user."""
        return (self.connection.login or "").strip() or None

    def text(self, key: str) -> str | None:
        """A text of the extra; a number is taken as it is written."""
        value = self._value(key)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise self._wrong(key, value, "a text")

    def secret(self, key: str) -> str | None:
        """A secret of the extra. It may be written as a JSON object, as keys are; no error shows it."""
        value = self._value(key)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, dict):
            return json.dumps(value)
        raise ConfigurationError(f"Extra {key!r} of {self.name} is neither a text nor a JSON object.")

    def texts(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Words of the extra: a list, or a text with blanks or commas between them."""
        value = self._value(key)
        if value is None:
            return default
        words = value.replace(",", " ").split() if isinstance(value, str) else value
        if (
            isinstance(words, list)
            and words
            and all(isinstance(word, str) and word.split() == [word] for word in words)
        ):
            return tuple(words)
        raise self._wrong(key, value, "words with blanks between them, or a list of words")

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number of the extra; a text with one in it will do."""
        value = self._value(key)
        if value is None:
            return default
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if isinstance(number, int) and not isinstance(number, bool) and least <= number <= most:
            return number
        raise self._wrong(key, value, f"a whole number from {least} to {most}")

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false, from the extra; a text that says so will do."""
        value = self._value(key)
        if value is None:
            return default
        found = _WORDS.get(value.lower()) if isinstance(value, str) else value
        if isinstance(found, bool):
            return found
        raise self._wrong(key, value, "true, false")

    def choice(self, key: str, default: str, allowed: tuple[str, ...]) -> str:
        """One of a few words of the extra."""
        value = self._value(key)
        if value is None:
            return default
        if isinstance(value, str) and value in allowed:
            return value
        raise self._wrong(key, value, ", ".join(allowed))

    def switch(self, key: str, switch: Switch) -> Any:
        """A value of the extra as its switch allows it, or the switch's default."""
        value = self._value(key)
        if value is None:
            return switch.default
        if isinstance(switch.kind, Flag):
            return self.flag(key, default=switch.default)
        try:
            return switch.kind.parse(value)
        except ValueError as error:
            raise ConfigurationError(f"Extra {key!r} of {self.name}: {one_line(str(error), 500)}.") from None

    def transport(
        self, *, read_only: bool, pauses: Pauses | None, traffic: Traffic | None, max_wait_s: int | None = None
    ) -> Transport:
        """How to talk to the server: `timeout` and `verify`.

        Args:
            read_only: Refuse every request that could change something.
            pauses: Where to wait, if that can be ended.
            traffic: Counts requests, if anybody wants to know.
            max_wait_s: Longest pause that a rate limit may impose.
        """
        transport = Transport(
            timeout_s=self.whole("timeout", 30, 1, 3600),
            verify=self._verify(),
            read_only=read_only,
            caller=f"apache-airflow/{AIRFLOW_VERSION}",
            on_secret=mask_secret,
            pauses=pauses or Pauses(),
            traffic=traffic or Traffic(),
        )
        return transport if max_wait_s is None else replace(transport, max_wait_s=max_wait_s)

    def _verify(self) -> bool | str:
        value = self._value("verify")
        if value is None:
            return True
        if isinstance(value, str):
            return _WORDS.get(value.lower(), value)
        if isinstance(value, bool):
            return value
        raise self._wrong("verify", value, "true, false, or the path of a file with certificates")

    def _value(self, key: str) -> Any:
        value = self.extra.get(key)
        return (value.strip() or None) if isinstance(value, str) else value

    def _wrong(self, key: str, value: object, allowed: str) -> ConfigurationError:
        return ConfigurationError(
            f"Extra {key!r} of {self.name}: {one_line(show(value))} is not allowed; allowed: {allowed}."
        )
