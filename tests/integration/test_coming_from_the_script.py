"""The vendor's own example line, from a crontab to a sync between the simulators."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from okta_mi_provider.simulators import credentials
from tests.integration.conftest import OKTA_MI, Provision
from tests.integration.world import ENVIRONMENT, Run, World, logins

#: As the vendor documents it, but for the host and the token.
VENDOR = (
    "mi-okta-usersync provision --okta-host {host} "
    "--okta-token {token} --auto-create all --full-summary -v my_new_group"
)


def variables(commands: str, **passwords: str) -> dict[str, str]:
    """The printed `airflow connections add` commands as variables, with the passwords that they leave out."""
    made = {}
    for line in commands.splitlines():
        if line.startswith("airflow connections add "):
            conn_id, *options = shlex.split(line)[3:]
            values = dict(zip(options[::2], options[1::2], strict=True))
            made[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps({
                "conn_type": values["--conn-type"],
                "host": values["--conn-host"],
                "login": values.get("--conn-login"),
                "extra": json.loads(values.get("--conn-extra", "{}")),
                "password": passwords[conn_id],
            })  # fmt: skip
    return made


@pytest.mark.parametrize(
    ("options", "password"),
    [
        (
            ["--mi-user", credentials.MI_USER, "--mi-application-id", credentials.MI_APPLICATION_ID],
            credentials.MI_APPLICATION_KEY,
        ),
        ([], credentials.MI_API_TOKEN),
    ],
    ids=["application", "personal token"],
)
def test_the_vendor_s_line_becomes_a_working_setup(
    options: list[str], password: str, world: World, tmp_path: Path, okta_mi: Callable[..., Run], provision: Provision,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    world.okta.group("my_new_group", "ana", "bruno")
    vendor = VENDOR.format(host=world.okta.url, token=credentials.OKTA_API_TOKEN)

    imported = okta_mi("import-cron", "-", "--mi-host", world.mi.url, *options, stdin=f"@hourly root {vendor}\n")

    assert imported.code == 0, imported.err
    written = Path("okta_groups.yaml").read_text("utf-8")
    assert credentials.OKTA_API_TOKEN not in imported.out + imported.err + written
    # In a process of its own: it imports Airflow, for its connections.
    made = variables(imported.out, okta_default=credentials.OKTA_API_TOKEN, metric_insights_default=password)
    checked = subprocess.run(
        [str(OKTA_MI), "validate", "--live"],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path / "airflow"), **made},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    plan = ("plan", *world.options, "--groups-file", "okta_groups.yaml", "my_new_group")
    assert okta_mi(*plan, env=ENVIRONMENT).code == 1
    assert world.mi.writes() == []

    # What Airflow does with the entry is shown by tests/airflow.
    synced = provision("--groups-file", "okta_groups.yaml", "my_new_group")
    assert synced.code == 0, synced.err
    assert world.mi.members("my_new_group") == logins("ana", "bruno")
    assert okta_mi(*plan, env=ENVIRONMENT).code == 0
