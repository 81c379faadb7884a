"""Every option: its default, its allowed values, and how a mistake is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from okta_mi_provider.settings import OKTA_STATUSES, SyncSettings, defaults, options
from okta_mi_provider.settings_error import SettingsError
from tests.unit.worlds import any_settings


def test_the_defaults_are_those_of_the_vendors_script() -> None:
    assert dict(defaults()) == {
        "auto_create": "none",
        "user_type": "regular",
        "dry_run": False,
        "force": False,
        "sync_user_limit": 10_000,
        "summary": "counts",
        "target_group": None,
        "map_attr_to_group": None,
        "skip_default_group": False,
        "username_attr": "login",
        "first_name_attr": "firstName",
        "last_name_attr": "lastName",
        "email_attr": "email",
        "statuses": ("ACTIVE", "LOCKED_OUT", "PASSWORD_EXPIRED", "PROVISIONED", "RECOVERY", "STAGED"),
        "match_by": ("username",),
        "protect_administrators": True,
        "prune": "off",
        "deprovision": "keep",
        "max_removals": "20%",
        "max_creates": None,
        "max_updates": None,
        "approve": "never",
        "incremental": False,
        "mode": "sync",
        "only_user": None,
        "approve_plan": None,
    }
    assert SyncSettings.from_mapping({}) == SyncSettings()


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("auto_create", "al", "'al' is not allowed; allowed: none, groups, all"),
        ("auto_create", None, "None is not allowed; allowed: none, groups, all"),
        ("user_type", "king", "allowed: regular, administrator, power_user"),
        ("dry_run", "yes", "'yes' is not allowed; allowed: true, false"),
        ("force", 1, "1 is not allowed; allowed: true, false"),
        ("sync_user_limit", 0, "0 is not allowed; allowed: a whole number from 1 to 100,000,000"),
        ("sync_user_limit", 10**20, "allowed: a whole number from 1 to 100,000,000"),
        ("sync_user_limit", True, "True is not allowed; allowed: a whole number from 1 to 100,000,000"),
        ("sync_user_limit", "10", "'10' is not allowed; allowed: a whole number from 1 to 100,000,000"),
        ("target_group", "  ", "'  ' is not allowed; allowed: a text that is not blank"),
        ("email_attr", 5, "5 is not allowed; allowed: a text that is not blank"),
        ("statuses", ["ACTIVE", "ASLEEP"], "'ASLEEP' is not allowed; allowed: a list of ACTIVE"),
        ("statuses", [], "[] is not allowed"),
        ("statuses", [["ACTIVE"]], "['ACTIVE'] is not allowed"),
        ("match_by", ["email"], "username is always matched first"),
        ("prune", "some", "'some' is not allowed; allowed: off, managed, all"),
        ("max_removals", None, "None is not allowed; allowed: a whole number from 0, or a percentage"),
        ("max_removals", "101%", "'101%' is not allowed"),
        ("max_creates", -1, "-1 is not allowed"),
        ("max_updates", True, "True is not allowed"),
        ("only_user", " ", "' ' is not allowed; allowed: a text that is not blank"),
        ("summary", "x" * 500, "..."),
    ],
)
def test_a_bad_value_is_told_with_key_value_and_what_is_allowed(key: str, value: object, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        SyncSettings.from_mapping({key: value})
    (problem,) = caught.value.problems
    assert problem.key == key
    assert said in problem.message
    assert len(str(caught.value)) < 400


def test_lesson_19_a_misspelt_key_is_an_error_naming_the_nearest_valid_one() -> None:
    with pytest.raises(SettingsError, match=r"auto_creat: unknown key; did you mean auto_create\?"):
        SyncSettings.from_mapping({"auto_creat": "all"})


def test_a_secret_under_an_unknown_key_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as caught:
        SyncSettings.from_mapping({"okta_token": "00verysecret"})
    assert "00verysecret" not in str(caught.value)
    assert "connection or the environment" in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        SyncSettings.from_mapping({"forse": True, "user_type": 1, "dry_run": None})
    assert [problem.key for problem in caught.value.problems] == ["forse", "user_type", "dry_run"]


def test_what_yaml_reads_as_false_may_be_the_word_off() -> None:
    assert SyncSettings.from_mapping({"prune": False}).prune == "off"


def test_lists_are_taken_as_text_with_commas_too() -> None:
    chosen = SyncSettings.from_mapping({"match_by": "email, username", "statuses": "STAGED,ACTIVE"})
    assert chosen.match_by == ("username", "email")
    assert chosen.statuses == ("ACTIVE", "STAGED")


@given(any_settings())
def test_settings_survive_a_round_trip(chosen: SyncSettings) -> None:
    assert SyncSettings.from_mapping(chosen.to_mapping()) == chosen


@given(
    st.dictionaries(st.sampled_from([*options(), "nonsense"]), st.none() | st.booleans() | st.integers() | st.text())
)
def test_any_mapping_gives_settings_or_an_error_that_names_its_keys(mapping: dict[str, object]) -> None:
    wrong: set[str] = set()
    try:
        SyncSettings.from_mapping(mapping)
    except SettingsError as error:
        wrong = {problem.key for problem in error.problems}
    assert ("nonsense" in mapping) <= ("nonsense" in wrong)
    assert wrong <= set(mapping)


def test_every_option_is_documented() -> None:
    for name, option in options().items():
        assert option.title, name
        assert option.help.endswith("."), name
    assert set(OKTA_STATUSES) - set(SyncSettings().statuses) == {"SUSPENDED", "DEPROVISIONED"}
