"""The people of the benchmarks, as many as there shall be, on both sides and at little cost."""

from __future__ import annotations

from collections.abc import Sequence

from okta_mi_provider.simulators.mi_seed import seed_metric_insights
from okta_mi_provider.simulators.okta_org import OktaOrg
from okta_mi_provider.simulators.people import FAMILY_NAMES, GIVEN_NAMES

DOMAIN = "acme.example"
#: What Okta tells of everybody's.
_PASSWORD = {"password": {}, "provider": {"type": "OKTA", "name": "OKTA"}}


def group_name(number: int) -> str:
    """What the groups are called on both sides."""
    return f"Benchmark {number:04d}"


class Crowd:
    """An Okta org with groups of equal size, nobody in two of them; and an MI server with or without these people.

    Args:
        groups: How many groups.
        size: How many people in each.
        synced: MI has all of them already, as a sync would have left them.
    """

    def __init__(self, groups: int, size: int, *, synced: bool) -> None:
        self.org = OktaOrg(5)
        self.state = seed_metric_insights()
        self._changes = 0
        self.people = [self._person(number) for number in range(groups * size)]
        self.org.owner_id = self.people[0]
        for number in range(groups):
            members = self.people[number * size : (number + 1) * size]
            self.org.fill_group(self.org.add_group(group_name(number)), members)
            if synced:
                self._settle(group_name(number), members)

    def change(self, people: int) -> None:
        """Gives so many people, evenly spread, another family name in Okta."""
        self._changes += 1
        step = len(self.people) // people
        for user_id in self.people[::step][:people]:
            self.org.update_profile(user_id, {"lastName": f"Married-{self._changes}"})

    def _person(self, number: int) -> str:
        given = GIVEN_NAMES[number % len(GIVEN_NAMES)]
        family = FAMILY_NAMES[number // len(GIVEN_NAMES) % len(FAMILY_NAMES)]
        login = f"person.{number:07d}@{DOMAIN}"
        profile = {
            "firstName": given,
            "lastName": family,
            "login": login,
            "email": login,
            "department": "Benchmarks",
            "employeeNumber": f"E{number:07d}",
            "locale": "en-US",
        }
        return self.org.add_user(profile, credentials=_PASSWORD, lastLogin="2026-01-15T08:00:00.000Z")

    def _settle(self, name: str, members: Sequence[str]) -> None:
        default = next(iter(self.state.groups))
        group = self.state.add_group(name)
        for user_id in members:
            profile = self.org.users[user_id]["profile"]
            user = self.state.add_user(
                profile["login"], profile["email"], first_name=profile["firstName"], last_name=profile["lastName"]
            )
            self.state.add_membership(user.id, default)
            self.state.add_membership(user.id, group.id)
