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
def dockerfile(repository):
    return (repository / "docker" / "Dockerfile").read_text(encoding="utf-8")


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


def test_every_service_has_a_healthcheck(services):
    assert {name for name, service in services.items() if "test" not in service.get("healthcheck", {})} == set()


def test_the_other_services_of_airflow_wait_for_the_first_start(services):
    for name in AIRFLOW - {"airflow-init"}:
        condition = services[name]["depends_on"]["airflow-init"]["condition"]
        assert condition == "service_completed_successfully"


def test_every_service_has_limits(services):
    limits = ("mem_limit", "cpus", "pids_limit")
    assert {(name, limit) for name, service in services.items() for limit in limits if limit not in service} == set()


def test_no_service_gains_privileges(services):
    for name, service in services.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        # The official image of PostgreSQL starts as root, and gives its data to its own user.
        assert service.get("cap_drop") == ["ALL"] or name == "postgres"


def test_there_are_two_workers(services):
    assert services["airflow-worker"]["deploy"] == {"replicas": 2}
    assert {services[name]["environment"]["AIRFLOW__CORE__EXECUTOR"] for name in AIRFLOW} == {"CeleryExecutor"}


def test_ports_are_open_to_this_machine_only(services):
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(published) == {"airflow-apiserver"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert not [name for name, service in services.items() if service.get("network_mode") == "host"]


def test_only_workers_reach_the_simulators_and_these_nobody_else(text, services):
    assert services["simulators"]["networks"] == ["demo"]
    assert yaml.safe_load(text)["networks"] == {"default": {}, "demo": {"internal": True}}
    assert {name for name, service in services.items() if "demo" in service.get("networks", [])} == {
        "simulators",
        "airflow-worker",
    }


def test_all_services_of_ours_run_one_image(services):
    ours = [services[name] for name in AIRFLOW | {"simulators"}]
    assert len({service["image"] for service in ours}) == 1
    assert all(service["build"] == ours[0]["build"] for service in ours)
    assert ours[0]["build"] | {"args": None} == {"context": ".", "dockerfile": "docker/Dockerfile", "args": None}


def test_the_image_is_built_from_the_wheel_and_the_constraints(dockerfile):
    assert re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) == ["${PYTHON_IMAGE_NAME}"] * 2
    assert "--constraint constraints.txt" in dockerfile
    assert "--no-deps" in dockerfile
    assert "/tmp/wheel/*.whl" in dockerfile


def test_the_image_runs_as_another_user_than_root(dockerfile):
    final = dockerfile.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (\S+)", final, re.MULTILINE) == ["airflow"]


def test_no_secret_gets_into_a_layer(dockerfile, repository):
    assert not re.search(r"^\s*(ARG|ENV)\b.*(PASSWORD|SECRET|KEY|TOKEN|CONN)", dockerfile, re.MULTILINE)
    assert ".env" not in re.findall(
        r"^!(.+)$", (repository / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert (repository / ".dockerignore").read_text(encoding="utf-8").splitlines()[1] == "*"


def test_what_the_image_copies_is_in_its_context(dockerfile, repository):
    context = (repository / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE):
        for source in line.split()[:-1]:
            assert f"!{source}" in context
            assert (repository / source).exists()


def test_all_airflow_services_share_the_store(services):
    stores = {services[name]["environment"]["AIRFLOW__OKTA_MI__STORE"] for name in AIRFLOW}
    assert len(stores) == 1
    assert stores.pop().startswith("postgresql+psycopg2://")


def test_images_come_from_variables_and_are_pinned(services, dockerfile):
    assert {name for name, service in services.items() if not service["image"].startswith("${")} == set()
    base = services["airflow-worker"]["build"]["args"]["PYTHON_IMAGE_NAME"]
    assert f"ARG {base.removeprefix('${').removesuffix('}').replace(':-', '=')}\n" in dockerfile
    for image in (base, services["postgres"]["image"], services["redis"]["image"]):
        assert re.fullmatch(r"\$\{\w+:-\w+:\d+(\.\d+)+-[a-z-]+\}", image), image


def test_no_secret_has_a_default(text):
    for found in VARIABLE.finditer(text):
        if re.search("PASSWORD|SECRET|KEY", found["name"]):
            assert found["rest"].startswith(":?"), found[0]
    settings = yaml.safe_load(text)["x-airflow-common"]["environment"]
    for name, value in settings.items():
        if (
            re.search("PASSWORD|SECRET|KEY|CONN|RESULT_BACKEND|BROKER_URL", name)
            and name != "AIRFLOW__CORE__TEST_CONNECTION"
        ):
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


def test_a_service_names_no_secret_on_its_command_line(services):
    for name, service in services.items():
        assert not VARIABLE.search(str(service.get("command", ""))), name


def test_the_demo_settings_lead_to_the_ports_of_the_simulators(run, services, repository):
    printed = run(sys.executable, repository / "scripts" / "new_env.py", "--demo")
    command = services["simulators"]["command"]
    for option in ("--okta-port", "--mi-port"):
        assert f"http://simulators:{command[command.index(option) + 1]}" in printed
