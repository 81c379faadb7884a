"""The seeded Metric Insights server: a few people made by hand, some of whom also are in Okta."""

from __future__ import annotations

from typing import Any

from okta_mi_provider.simulators import credentials
from okta_mi_provider.simulators.mi_state import Application, MIGroup, MIState
from okta_mi_provider.simulators.okta_org import OktaOrg
from okta_mi_provider.simulators.seed import ALL_STAFF, DOMAIN, OPERATIONS, TAKEN_EMAIL

DEFAULT_GROUP = "Default Group"
ALL_ACCESS_GROUP = "Executives"
HAND_MADE_GROUP = "Board Reports"

_UNTOUCHED, _OUTDATED, _SHOUTED = range(3)


def seed_metric_insights(org: OktaOrg | None = None) -> MIState:
    """Return a server as an administrator might have left it before the first sync.

    Given the Okta org, three of the people in ``MI - All Staff`` are here already: one as in Okta,
    one with an outdated name, one whose username is in capitals. The group ``MI - Operations`` is
    here too, with one member who is not in Okta.
    """
    state = MIState()
    for application in (
        Application(credentials.MI_APPLICATION_ID, credentials.MI_APPLICATION_KEY),
        Application(
            credentials.MI_LIMITED_APPLICATION_ID, credentials.MI_LIMITED_APPLICATION_KEY, can_manage_users=False
        ),
    ):
        state.applications[application.id] = application
    state.personal_tokens = {
        credentials.MI_API_TOKEN: credentials.MI_USER,
        credentials.MI_VIEWER_API_TOKEN: credentials.MI_VIEWER,
    }
    default = state.add_group(DEFAULT_GROUP)
    executives = state.add_group(ALL_ACCESS_GROUP, description="Sees every element", all_access_group="Y")
    board = state.add_group(HAND_MADE_GROUP, description="Made by hand")
    operations = state.add_group(OPERATIONS, description="Made by hand before the first sync")

    def user(username: str, given: str, family: str, *groups: MIGroup, email: str = "", **fields: Any) -> None:
        address = email or f"{username}@{DOMAIN}"
        created = state.add_user(username, address, first_name=given, last_name=family, **fields)
        for group in groups:
            state.add_membership(created.id, group.id)

    user("admin", "System", "Administrator", default, type="administrator", system_admin=True)
    user(credentials.MI_USER, "Okta", "Sync", default, type="administrator")
    user(credentials.MI_VIEWER, "Vera", "Viewer", default, board)
    user("kiosk.lobby", "Lobby", "Screen", default, email=f"kiosk@{DOMAIN}")
    user("kiosk.canteen", "Canteen", "Screen", default, email=f"kiosk@{DOMAIN}")
    user("paula.power", "Paula", "Power", default, board, type="power")
    user("old.timer", "Otto", "Oldtimer", default, enabled="N")
    user("kim.lee", "Kim", "Lee", default, executives, email=TAKEN_EMAIL)
    user("hand.made", "Hanna", "Made", default, operations)
    if org is not None:
        _add_people_of_okta(state, org, default, board)
    return state


def _add_people_of_okta(state: MIState, org: OktaOrg, default: MIGroup, board: MIGroup) -> None:
    staff = next(group_id for group_id, group in org.groups.items() if group["profile"]["name"] == ALL_STAFF)
    by_number = sorted(
        (org.users[user_id]["profile"] for user_id in org.member_ids(staff)),
        key=lambda profile: str(profile["employeeNumber"]),
    )
    for place, profile in enumerate(by_number[-3:]):
        username = profile["login"].upper() if place == _SHOUTED else profile["login"]
        family = "Maiden-Name" if place == _OUTDATED else profile["lastName"]
        user = state.add_user(username, profile["email"], first_name=profile["firstName"], last_name=family)
        state.add_membership(user.id, default.id)
        if place == _UNTOUCHED:
            state.add_membership(user.id, board.id)
