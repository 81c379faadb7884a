"""The command line, spelt as the vendor's script spells it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from okta_mi_provider.cli.arguments import PROMPT, settings_from
from okta_mi_provider.cli.main import main, parse
from okta_mi_provider.settings import SyncSettings, options


def _settings(*argv: str) -> SyncSettings:
    return SyncSettings.from_mapping(settings_from(parse(["provision", *argv])))


@pytest.mark.parametrize(
    ("argv", "auto_create", "groups"),
    [
        ("G", "none", ["G"]),
        ("-a G", "all", ["G"]),
        ("--auto-create G", "all", ["G"]),
        ("G -a", "all", ["G"]),
        ("-a all G", "all", ["G"]),
        ("-a groups G", "groups", ["G"]),
        ("--auto-create=groups G", "groups", ["G"]),
        ("-va G H", "all", ["G", "H"]),
        ("-a none G", "all", ["none", "G"]),
        ("G -a all H", "all", ["G", "H"]),
        ("-a G -v H -n I", "all", ["G", "H", "I"]),
        ("-a -- -G", "all", ["-G"]),
        ("-a G -v -- H -I", "all", ["G", "H", "-I"]),
    ],
)
def test_auto_create_with_and_without_value(argv: str, auto_create: str, groups: list[str]) -> None:
    args = parse(["provision", *argv.split()])
    assert sorted(args.groups) == sorted(groups)
    assert _settings(*argv.split()).auto_create == auto_create


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        ("--dry-run", "dry_run", True),
        ("-n", "dry_run", True),
        ("--no-summary", "summary", "none"),
        ("-q", "summary", "none"),
        ("--full-summary", "summary", "full"),
        ("--user-type administrator", "user_type", "administrator"),
        ("-t power_user", "user_type", "power_user"),
        ("--username-attr x", "username_attr", "x"),
        ("--first-name-attr x", "first_name_attr", "x"),
        ("--last-name-attr x", "last_name_attr", "x"),
        ("--email-attr x", "email_attr", "x"),
        ("--skip-default-group", "skip_default_group", True),
        ("--sync-user-limit 7", "sync_user_limit", 7),
        ("--force", "force", True),
        ("--target-group T", "target_group", "T"),
        ("--statuses ACTIVE,STAGED", "statuses", ("ACTIVE", "STAGED")),
        ("--match-by username,email", "match_by", ("username", "email")),
        ("--no-protect-administrators", "protect_administrators", False),
        ("--prune managed", "prune", "managed"),
        ("--deprovision disable", "deprovision", "disable"),
        ("--max-removals 30%", "max_removals", "30%"),
        ("--max-removals 7", "max_removals", 7),
        ("--max-creates 7", "max_creates", 7),
        ("--max-updates 50%", "max_updates", "50%"),
        ("--only-user ana", "only_user", "ana"),
        ("--approve 0123456789ab", "approve_plan", "0123456789ab"),
    ],
)
def test_every_option_reaches_the_settings(argv: str, name: str, value: object) -> None:
    assert getattr(_settings(*argv.split(), "G"), name) == value


def test_no_option_gives_the_defaults() -> None:
    assert _settings("G") == SyncSettings()


def test_the_token_is_taken_asked_for_or_left_out() -> None:
    assert parse(["provision", "G"]).okta_token is None
    assert parse(["provision", "G", "-P"]).okta_token is PROMPT
    assert parse(["provision", "-P", "secret", "G"]).okta_token == "secret"


@pytest.mark.parametrize("glued", ["--auto-create=Sales", "-a=Sales", "-aSales", "-vaSales", "-av"])
@pytest.mark.parametrize("command", ["provision", "plan", "explain me -g"])
def test_what_hangs_on_auto_create_is_no_group(command: str, glued: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        parse([*command.split(), "Sales", glued, "--target-group", "Sales"])
    assert exited.value.code == 2
    assert "is none of its values; allowed: all, groups" in capsys.readouterr().err


def test_a_command_without_groups_takes_none_behind_auto_create(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["explain", "me", "-g", "G", "-a", "H"])
    assert "--auto-create: 'H' is none of its values" in capsys.readouterr().err


@pytest.mark.parametrize("argv", ["--auto G", "--auto-create=al G", "-t king G", "--sync-user-limit x G", "--nope G"])
def test_wrong_usage_exits_with_2_and_one_message(argv: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["provision", *argv.split()])
    assert exited.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["provision", "--help"])
    assert exited.value.code == 0
    text = capsys.readouterr().out
    for option in options().values():
        spellings = [flag for flag in option.flags if flag.startswith("--")]
        assert all(flag in text or f"--no-{flag[2:]}" in text for flag in spellings)


def test_an_attribute_of_okta_is_called_so_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["provision", "--help"])

    shown = capsys.readouterr().out
    assert all(f"{flag} ATTR" in shown for flag in ("--map-attr-to-group", "--username-attr", "--email-attr"))


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from okta_mi_provider.cli.main import main\n"
        "try: main(['provision', '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('airflow', 'requests', 'sqlalchemy', 'fastapi', 'rich', 'tenacity') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
