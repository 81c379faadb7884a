"""From crontabs and shell scripts that call the vendor's script to a groups file."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from okta_mi_provider.cli.main import main
from okta_mi_provider.cli.script_import.entries import import_text
from okta_mi_provider.entry import Entry
from okta_mi_provider.groups_file import parse
from okta_mi_provider.groups_text import Item, document
from okta_mi_provider.settings import SyncSettings

SCRIPT = "mi-okta-usersync provision"
HOST = "--okta-host acme.okta.com --okta-token SECRET"
#: The vendor's own example, run every hour.
VENDOR = f"0 * * * * {SCRIPT} {HOST} --auto-create all --full-summary -v my_new_group\n"


def entries(text: str, **options: str) -> dict[str, Entry]:
    """The entries that a text becomes, as the groups file has them."""
    found = import_text(text, **options)
    file = parse(document(found.items, defaults=found.defaults), "okta_groups.yaml")
    assert file.broken == ()
    return {each.title: each for each in file.entries}


def lost(text: str) -> list[tuple[int, str]]:
    return [(each.line, each.message) for each in import_text(text).remarks if each.lost]


def notes(text: str) -> list[tuple[int, str]]:
    return [(each.line, each.message) for each in import_text(text).remarks if not each.lost]


def only(text: str) -> Entry:
    (entry,) = entries(text).values()
    return entry


def test_the_vendor_s_example() -> None:
    entry = only(VENDOR)

    assert (entry.title, entry.schedule) == ("my_new_group", "0 * * * *")
    assert entry.settings == SyncSettings(auto_create="all", summary="full")
    assert import_text(VENDOR).okta_hosts == {"okta_default": "https://acme.okta.com"}
    assert lost(VENDOR) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", {}),
        ("--auto-create", {"auto_create": "all"}),
        ("-a groups", {"auto_create": "groups"}),
        ("--auto-create=all", {"auto_create": "all"}),
        ("--dry-run", {"dry_run": True}),
        ("-nv", {"dry_run": True}),
        ("-q", {"summary": "none"}),
        ("--no-summary", {"summary": "none"}),
        ("--full-summary", {"summary": "full"}),
        ("--full-sum", {"summary": "full"}),
        ("--user-type administrator", {"user_type": "administrator"}),
        ("-t power_user", {"user_type": "power_user"}),
        ("--username-attr a", {"username_attr": "a"}),
        ("--first-name-attr b", {"first_name_attr": "b"}),
        ("--last-name-attr c", {"last_name_attr": "c"}),
        ("--email-attr d", {"email_attr": "d"}),
        ("--skip-default-group", {"skip_default_group": True}),
        ("--sync-user-limit 7", {"sync_user_limit": 7}),
        ("--force", {"force": True}),
        ("--target-group 'T 1'", {"target_group": "T 1"}),
        ("--map-attr-to-group department", {"map_attr_to_group": "department"}),
    ],
)
def test_every_option_of_the_script(options: str, expected: dict[str, object]) -> None:
    text = f"{SCRIPT} {HOST} Sales {options}"

    assert only(text).settings == SyncSettings(**expected)
    assert lost(text) == []


@pytest.mark.parametrize(
    ("line", "schedule"),
    [
        ("*/5 1,2 * * MON-FRI {}", "*/5 1,2 * * MON-FRI"),
        ("  0\t6  * * *   {}", "0 6 * * *"),
        ("-*/30 * * * * root {}", "*/30 * * * *"),
        ("0 6 * * * root {}", "0 6 * * *"),
        ("0 6 * * * svc-mi cd /opt/mi && {} >> /var/log/mi.log 2>&1", "0 6 * * *"),
        ("0 6 * * * . /etc/profile; {} | logger -t mi", "0 6 * * *"),
        ("0 6 * * * /usr/bin/flock -n /tmp/l nice -n 10 /usr/local/bin/{}", "0 6 * * *"),
        ("0 6 * * * OKTA_DEBUG=1 docker exec web {} &", "0 6 * * *"),
        ("0 6 * * * su - mi -c \"{} --auto-create all\"", "0 6 * * *"),
        ("0 6 * * * bash -lc 'cd /x && {}'", "0 6 * * *"),
        ("@hourly {}", "@hourly"),
        ("@midnight root {}", "@daily"),
        ("@annually {}", "@yearly"),
    ],
)  # fmt: skip
def test_lines_of_crontabs(line: str, schedule: str) -> None:
    text = f"MAILTO=ops@example.org\nPATH = /usr/bin:/opt/mi\n\n# sync\n{line.format(f'{SCRIPT} {HOST} Sales')}\n"

    entry = only(text)
    assert (entry.title, entry.schedule) == ("Sales", schedule)
    assert lost(text) == []


def test_several_commands_and_groups_in_one_line() -> None:
    call = f"{SCRIPT} {HOST}"
    text = f"5 * * * * {call} -a 'BI Readers' \"R&D; 50\\% off\" ; {call} Ops && {call} -t power_user Dev\n"

    found = entries(text)

    assert set(found) == {"BI Readers", "R&D; 50% off", "Ops", "Dev"}
    assert {each.schedule for each in found.values()} == {"5 * * * *"}
    assert [found[name].settings.auto_create for name in ("BI Readers", "Ops")] == ["all", "none"]
    assert found["Dev"].settings.user_type == "power_user"


def test_several_groups_into_one() -> None:
    entry = only(f"{SCRIPT} {HOST} --target-group Everybody A B")

    assert (entry.groups, entry.settings.target_group) == (("A", "B"), "Everybody")


def test_variables_of_the_crontab_and_of_the_command() -> None:
    text = f'HOST=acme.okta.com\nOPTS="-a all"\n0 1 * * * G=\'BI Readers\'; {SCRIPT} -H $HOST -P $T $OPTS "$G"\n'

    entry = only(text)
    assert (entry.title, entry.settings.auto_create) == ("BI Readers", "all")
    assert lost(text) == []


def test_a_shell_script() -> None:
    text = f"""#!/bin/bash
set -euo pipefail
. /etc/mi.env
export HOST=https://acme.okta.com
COMMON="--auto-create all \\
  --force"
{SCRIPT} \\
  --okta-host "$HOST" \\
  --okta-token "$(cat /run/secrets/okta)" $COMMON \\
  "BI Readers" 'BI "Authors"'   # both
"""
    found = entries(text, schedule="@daily")

    assert set(found) == {"BI Readers", 'BI "Authors"'}
    assert all(each.schedule == "@daily" and each.settings.force for each in found.values())
    assert lost(text) == []


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("for g in A B; do\n  {} $g\ndone", 2, "inside a for loop"),
        ("while read g; do {} \"$g\"; done < groups", 1, "inside a while loop"),
        ("if [ -x /x ]; then\n{} A\nfi", 2, "inside an if"),
        ("case $1 in\n a) {} A;;\nesac", 2, "inside a case"),
        ("sync() {{\n {} A\n}}\nsync", 2, "inside the function 'sync'"),
        ("{} \"$1\"", 1, "depend on the argument $1 of the script"),
        ("{} $GROUPS", 1, "depend on the variable GROUPS, which is not set here"),
        ("{} $(cat groups)", 1, "depend on the output of a command $(...)"),
        ("G=(A B)\n{} \"${{G[@]}}\"", 2, "depend on the expression ${{...}}"),
        ("G=(A B)\n{} $G", 2, "depend on the array G"),
        ("read G\n{} $G", 2, "which is read while it runs"),
        ("if true; then G=A; fi\n{} $G", 2, "which is set inside an if"),
        ("cat groups | xargs -n1 {}", 1, "xargs takes the arguments"),
        ("bash <<EOF\n{} A\nEOF", 2, "stands in the input of a command"),
        ("{} 'A", 1, "a quote that is opened here is not closed"),
        ("{}", 1, "it names no group"),
        ("{} --colour SECRET A", 1, "--colour is no option"),
        ("{} -t SECRET A", 1, "argument --user-type/-t: invalid choice"),
        ("{} --sync-user-limit 0 A", 1, "sync_user_limit: 0 is not allowed"),
        ("{} --target-group T --map-attr-to-group a A", 1, "target_group: must not be set"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_told_with_its_line(text: str, line: int, said: str) -> None:
    text = text.format(f"{SCRIPT} {HOST}")
    ((at, message),) = lost(text)

    assert at == line
    assert said.replace("{{", "{").replace("}}", "}") in message
    assert "SECRET" not in message
    assert import_text(text).items == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"0 5 * * * {SCRIPT} {HOST} --custom-user-attribute a,b G", "--custom-user-attribute is not carried over"),
        (f"0 5 * * * {SCRIPT} {HOST} --custom-group-attribute=a G", "--custom-group-attribute is not carried over"),
        (f"@reboot {SCRIPT} {HOST} G", "@reboot has no counterpart"),
        (f"0~30 5 * * * {SCRIPT} {HOST} G", "does not understand the schedule '0~30 5 * * *'"),
        (f"0 5 * * * {SCRIPT} G", "the Okta host is not given"),
        (f"0 5 * * * {SCRIPT} -H $HOST G", "the Okta host depends on"),
        (f"0 5 * * * {SCRIPT} -H acme-admin.okta.com G", "the Okta host cannot be used"),
    ],
)
def test_what_is_lost_of_an_entry_that_is_written(text: str, said: str) -> None:
    ((line, message),) = lost(text)

    assert (line, only(text).title) == (1, "G")
    assert said in message


def test_what_is_worth_knowing() -> None:
    text = (
        "CRON_TZ=Europe/Berlin\n"
        f"0 5 * * * {SCRIPT} -H acme.okta.com -P -- A%SECRET\n"
        f"0 5 * * * [ -e /x ] && cd /y && {SCRIPT} -H acme.okta.com B\n"
        f"0 5 * * * {SCRIPT} -H acme.okta.com \\\n  --sync-user-limit 5 C D\n"
        f"0 5 * * * {SCRIPT} -H acme.okta.com -PSECRET E\n"
        f"0 5 * * * {SCRIPT} -H acme.okta.com B\n"
        "0 5 * * * mi-okta-usersync --help\n"
    )
    found = notes(text)

    assert lost(text) == []
    assert [line for line, _ in found] == [2, 2, 3, 4, 4, 6, 7, 8]
    words = ["'Europe/Berlin'", "standard input", "'['", "backslash", "sync_user_limit", "make a new one", "line 3"]
    assert all(any(word in message for _, message in found) for word in words)


def test_one_group_in_two_lines_is_one_entry() -> None:
    text = f"0 6 * * * {SCRIPT} {HOST} A\n0 18 * * * {SCRIPT} {HOST} -a A\n"
    ((line, message),) = lost(text)

    assert only(text).schedule == "0 6 * * *"
    assert line == 2
    assert "'A' is synced by line 1 already, with other values for auto_create, schedule" in message


def test_another_org_has_a_connection_of_its_own() -> None:
    text = f"0 6 * * * {SCRIPT} {HOST} A\n0 6 * * * {SCRIPT} -H https://Beta.okta.com/app -P x B\n"
    found = import_text(text)

    assert found.okta_hosts == {"okta_default": "https://acme.okta.com", "okta_beta": "https://beta.okta.com"}
    assert {name: each.okta_conn_id for name, each in entries(text).items()} == {"A": "okta_default", "B": "okta_beta"}


def test_what_all_have_in_common_is_said_once() -> None:
    found = import_text(f"0 6 * * * {SCRIPT} {HOST} -a all A B\n0 6 * * * {SCRIPT} {HOST} -a all -t power_user C\n")

    assert found.defaults == {"schedule": "0 6 * * *", "auto_create": "all"}
    assert [dict(each.values) for each in found.items] == [
        {"name": "A"}, {"name": "B"}, {"name": "C", "user_type": "power_user"},
    ]  # fmt: skip


def test_lines_about_something_else_are_left_alone() -> None:
    text = (
        f"0 1 * * * backup.sh\nnonsense\n# 0 * * * * {SCRIPT} X\n@daily echo {SCRIPT} Y\n"
        "0 1 * * * tail mi-okta-usersync.log\n"
    )

    assert import_text(text).items == ()
    assert import_text(text).remarks == ()


_FRAGMENTS = st.sampled_from([
    "0 5 * * * ", "@daily ", "@reboot ", SCRIPT, " -H acme.okta.com ", " -P ", "SECRET", " -a", " --force", " A",
    "$X", "'", '"', "\\", "\n", ";", "&&", "|", "%", "\\%", "X=", "(", ")", "{", "}", "for i in a; do ", "done",
    "if x; then ", "fi", "#", ">> log", "<<E\n", "E\n", "`", "$(", "--", "=", "\u2028", "\x0b", "CRON_TZ=UTC\n",
    "CRON_TZ=X\n",
])  # fmt: skip


@example(f'X=\'bash -c "$X {SCRIPT} A"\'\nbash -c "$X"\n')
@given(st.lists(_FRAGMENTS, max_size=30).map("".join))
def test_any_text_is_carried_over_or_told_and_can_be_read_again(text: str) -> None:
    found = import_text(text)

    last = text.count("\n") + 1
    assert all(0 < each.line <= last for each in found.remarks)
    if found.items:
        assert parse(document(found.items, defaults=found.defaults), "").broken == ()


@given(st.text(min_size=1), st.booleans())
def test_any_name_of_a_group_is_carried_over_or_told(name: str, as_mapping: bool) -> None:
    more = " -t power_user" if as_mapping else ""
    text = f"{SCRIPT} {HOST}{more} -- {shlex.quote(name)}"
    if "\0" in name or "\r" in name:
        return
    found = import_text(text)

    if found.items:
        assert only(text).title == name
    else:
        assert len(lost(text)) == 1


@given(st.text(), st.text(), st.lists(st.text()))
def test_any_text_comes_back_from_yaml(comment: str, text: str, texts: list[str]) -> None:
    written = document([Item({"name": text, "tags": texts}, comment)], heading=[comment])

    if not any("\ud800" <= char <= "\udfff" for char in text + "".join(texts)):
        assert yaml.safe_load(written) == {"groups": [{"name": text, "tags": texts}]}


_SECRET = "00SECRETsecret"


@pytest.mark.parametrize(
    "words",
    [
        f"--okta-token {_SECRET} G", f"--okta-token={_SECRET} G", f"-P {_SECRET} G", f"-P{_SECRET} G",
        f"-vP{_SECRET} G", f"--okta-tok {_SECRET} G", f"--okta-tokne {_SECRET} G", f"--okta-tokne={_SECRET} G",
        f"-P {_SECRET}", f"-Z{_SECRET} G", f"-t {_SECRET} G", f"--user-type={_SECRET} G", "-P $T G",
        f"--sync-user-limit {_SECRET} G", f"G%{_SECRET}", f"--force={_SECRET} G", f"--f={_SECRET} G",
        f"-P '{_SECRET} G",
    ],
)  # fmt: skip
def test_a_secret_is_neither_written_nor_shown(words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crontab, groups = tmp_path / "crontab", tmp_path / "okta_groups.yaml"
    crontab.write_text(f"T={_SECRET}\n0 5 * * * root {SCRIPT} -H acme.okta.com {words}\n", encoding="utf-8")

    main(["import-cron", str(crontab), "--output", str(groups)])

    assert _SECRET not in "".join(capsys.readouterr())
    assert not groups.exists() or _SECRET not in groups.read_text("utf-8")


def test_the_command_writes_the_file_and_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("crontab").write_text(VENDOR, encoding="utf-8")
    application = ["--mi-host", "mi.example.org", "--mi-user", "svc", "--mi-application-id", "app 1"]

    assert main(["import-cron", "crontab", *application]) == 0

    out = capsys.readouterr().out
    assert "airflow connections add okta_default --conn-type okta --conn-host https://acme.okta.com\n" in out
    (line,) = [each for each in out.splitlines() if "metric_insights_default" in each]
    assert shlex.split(line)[3:] == [
        "metric_insights_default", "--conn-type", "metric_insights", "--conn-host", "https://mi.example.org",
        "--conn-login", "svc", "--conn-extra", '{"auth_mode": "application", "application_id": "app 1"}',
    ]  # fmt: skip
    assert Path("okta_groups.yaml").read_text("utf-8") == (
        "# Made by okta-mi import-cron from crontab; the lines named below are those of that file.\n"
        "# Airflow reads schedules in UTC; cron has read them in the time zone of its machine, or in CRON_TZ.\n"
        "\n"
        "groups:\n"
        "  # line 1\n"
        "  - name: my_new_group\n"
        "    schedule: 0 * * * *\n"
        "    auto_create: all\n"
        "    summary: full\n"
    )


def test_what_is_not_carried_over_comes_last_with_its_number(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call = f"5 * * * * {SCRIPT} {HOST}"
    lines = [f"{call} G{number}" for number in range(3)]
    lines += [f"{call} $X", f"{call} A --custom-user-attribute a", f"{call} --custom-user-attribute a B", ""]
    Path("crontab").write_text("\n".join(lines), encoding="utf-8")

    assert main(["import-cron", "crontab"]) == 1

    out, err = capfd.readouterr()
    token = "the Okta API token that stands here is left out. Whoever could read it has it: make a new one"
    notes, *lost = err.splitlines()
    assert notes == f"note: crontab: lines 1-3, 5-6: {token}"
    assert [each.partition(": ")[2][:21] for each in lost] == ["crontab:4: the call o", "crontab: lines 5-6: -"]
    assert out.endswith("\n\nokta_groups.yaml: 5 entries written, 3 things not carried over.\n")

    assert main(["import-cron", "crontab", "--output", "-"]) == 1
    shown = capfd.readouterr().err.splitlines()
    assert shown[-3:] == ["5 entries written, 3 things not carried over.", *lost]


@pytest.mark.parametrize(
    ("command", "noted"),
    [
        ("/opt/sync/all.sh", True),
        ("/opt/x/OKTA_all.sh >> /var/log/x.log", True),
        ("root /opt/mi/run", True),
        ("cd /x && ./mi.sh", True),
        ("svc /x/okta-users.py --all", True),
        ("/usr/bin/flock -n /tmp/l /opt/okta/a.sh", True),
        ("sudo nice -n 5 bash /opt/okta/run", True),
        ("X=1 run-okta", True),
        ("bash '/opt/okta/a.sh", False),
        ("/usr/bin/rsync -a /data/mi/ backup:/mi/", False),
        ("/opt/async/family.sh /var/mi", False),
        ("backup.sh > /opt/okta/log", False),
        ("/bin/sync", False),
        ("okta-mi provision A", False),
    ],
)
def test_a_script_that_is_not_looked_into_is_named_if_it_may_sync(command: str, noted: bool) -> None:
    text = f"{VENDOR}8 8 * * * {command}\n@daily {command}\n"
    found = [line for line, message in notes(text) if "was not looked into" in message]

    assert found == ([2, 3] if noted else [])
    assert lost(text) == []


def test_a_dry_run_stays_one_and_is_told() -> None:
    text = f"0 6 * * * {SCRIPT} {HOST} -n A\n0 6 * * * {SCRIPT} {HOST} B\n"

    assert entries(text)["A"].settings.dry_run
    assert [line for line, message in notes(text) if "will never write until dry_run: true" in message] == [1]


@pytest.mark.parametrize(
    ("words", "said", "not_said"),
    [
        ([], ["a personal token (", "again with --mi-user and --mi-application-id (and --overwrite)."], "key ("),
        (["-o", "-"], ["a personal token (", "again with --mi-user and --mi-application-id."], "key ("),
        (["--mi-application-id", "a"], ["the application's key (", "Replace MI-ADMINISTRATOR by"], "personal token"),
        (["--mi-application-id", "a", "--mi-user", "svc"], ["the application's key ("], "MI-ADMINISTRATOR"),
        (["--mi-user", "svc"], ["a personal token (", "--conn-login svc "], "MI-ADMINISTRATOR"),
    ],
)
def test_the_secret_that_is_asked_for_fits_the_printed_connection(
    words: list[str], said: list[str], not_said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("crontab").write_text(VENDOR, encoding="utf-8")

    assert main(["import-cron", "crontab", *words]) == 0

    printed = "".join(capsys.readouterr())
    assert all(each in printed for each in said), printed
    assert not_said not in printed
    assert ('"auth_mode": "application"' in printed) == ("--mi-application-id" in words)


def test_a_file_that_is_there_is_kept_unless_it_may_be_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crontab, groups = tmp_path / "crontab", tmp_path / "groups.yaml"
    crontab.write_text(VENDOR, encoding="utf-8")
    groups.write_text("mine", encoding="utf-8")
    words = ["import-cron", str(crontab), "--output", str(groups)]

    assert main(words) == 2
    assert groups.read_text("utf-8") == "mine"
    assert "is there already" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    assert "my_new_group" in groups.read_text("utf-8")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["crontab", "groups.yaml"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere"], 2, "nowhere: cannot be read: No such file"),
        (["."], 2, ".: cannot be read: Is a directory"),
        (["empty"], 1, "has no call of 'mi-okta-usersync provision'"),
        (["binary"], 2, "not a text"),
        (["good", "--schedule", "now"], 2, "--schedule: 'now' is not a schedule"),
        (["good", "--output", "no/where.yaml"], 2, "cannot be written: No such file"),
        (["good", "--mi-host", "http://far.example.org"], 2, "http"),
        (["bad", "--output", "-"], 1, "not carried over: bad:2: "),
    ],
)
def test_what_cannot_be_done_is_said(
    words: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("empty").write_text("", encoding="utf-8")
    Path("binary").write_bytes(b"a\0b")
    Path("good").write_text(VENDOR, encoding="utf-8")
    Path("bad").write_text(f"{VENDOR}0 1 * * * {SCRIPT} $X\n", encoding="utf-8")

    assert main(["import-cron", *words]) == code
    assert said in capsys.readouterr().err
    assert not Path("okta_groups.yaml").exists()
