"""docker-compose.yaml: valid, complete, closed to the outside, and without a secret in it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rest>[^}]*)\}")
AIRFLOW = {
    "airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-worker",
    "airflow-init",
}  # fmt: skip


@pytest.fixture(scope="module")
def text(repository):
    return (repository / "docker-compose.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def services(text):
    return yaml.safe_load(text)["services"]


def test_a_compose_parser_accepts_it(run, repository):
    checker = Path(sys.executable).with_name("check-jsonschema")
    run(checker, "--builtin-schema", "vendor.compose-spec", repository / "docker-compose.yaml")


def test_the_services_are_those_of_the_official_file_and_the_simulators(services):
    assert set(services) == AIRFLOW | {"postgres", "redis", "simulators"}


def test_only_the_simulators_need_a_profile(services):
    assert {name: service["profiles"] for name, service in services.items() if "profiles" in service} == {
        "simulators": ["demo"]
    }


def test_every_service_that_stays_has_a_healthcheck(services):
    without = {name for name, service in services.items() if "test" not in service.get("healthcheck", {})}
    assert without == {"airflow-init"}, "it runs once, the others wait for its end"
    for name in AIRFLOW - {"airflow-init"}:
        condition = services[name]["depends_on"]["airflow-init"]["condition"]
        assert condition == "service_completed_successfully"


def test_ports_are_open_to_this_machine_only(services):
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(published) == {"airflow-apiserver"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert not [name for name, service in services.items() if service.get("network_mode") == "host"]


def test_the_simulators_share_the_loopback_interface_of_the_worker(services):
    assert services["simulators"]["network_mode"] == "service:airflow-worker"


def test_all_airflow_services_run_one_image_with_this_package(services, repository):
    images = {services[name]["image"] for name in AIRFLOW | {"simulators"}}
    assert len(images) == 1
    assert {services[name]["build"]["context"] for name in AIRFLOW} == {"."}
    dockerfile = (repository / "Dockerfile").read_text(encoding="utf-8")
    assert "ARG AIRFLOW_IMAGE_NAME=" in dockerfile
    assert "--constraint" in dockerfile


def test_all_airflow_services_share_the_store(services):
    stores = {services[name]["environment"]["AIRFLOW__OKTA_MI__STORE"] for name in AIRFLOW}
    assert len(stores) == 1
    assert stores.pop().startswith("postgresql+psycopg2://")


def test_images_come_from_variables(services):
    assert {name for name, service in services.items() if not service["image"].startswith("${")} == set()


def test_no_secret_has_a_default(text):
    for found in VARIABLE.finditer(text):
        if re.search("PASSWORD|SECRET|KEY", found["name"]):
            assert found["rest"].startswith(":?"), found[0]
    settings = yaml.safe_load(text)["x-airflow-common"]["environment"]
    for name, value in settings.items():
        if re.search("PASSWORD|SECRET|KEY|CONN|RESULT_BACKEND", name) and name != "AIRFLOW__CORE__TEST_CONNECTION":
            assert value is None or ":?" in value, name


def test_every_variable_is_explained(text, repository):
    example = (repository / ".env.example").read_text(encoding="utf-8")
    explained = set(re.findall(r"^(?:# )?(\w+)=", example, re.MULTILINE))
    assert {found["name"] for found in VARIABLE.finditer(text)} <= explained


@pytest.mark.parametrize("options", [[], ["--demo"]])
def test_new_settings_have_all_secrets(run, text, repository, options):
    printed = run(sys.executable, repository / "scripts" / "new_env.py", *options, cwd="/")
    settings = dict(line.split("=", 1) for line in printed.splitlines())
    required = {found["name"] for found in VARIABLE.finditer(text) if found["rest"].startswith(":?")}
    assert required <= set(settings)
    assert len(settings["AIRFLOW_JWT_SECRET"]) >= 64
    assert ("AIRFLOW_CONN_OKTA_DEFAULT" in settings) is bool(options)


def test_the_demo_settings_lead_to_the_ports_of_the_simulators(run, services, repository):
    printed = run(sys.executable, repository / "scripts" / "new_env.py", "--demo")
    command = services["simulators"]["command"]
    for option in ("--okta-port", "--mi-port"):
        assert f"http://127.0.0.1:{command[command.index(option) + 1]}" in printed
