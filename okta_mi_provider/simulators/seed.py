"""The seeded Okta org: realistic, the same every time, and hostile where real orgs are.

A user depends on the seed and its place only, so an org of 2,000 users begins with the same people as
one of 1,200.
"""

from __future__ import annotations

import random
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

from okta_mi_provider.simulators.okta_org import OktaOrg
from okta_mi_provider.simulators.okta_values import STATUSES, okta_id, timestamp
from okta_mi_provider.simulators.people import FAMILY_NAMES, GIVEN_NAMES, NOTABLE, VENDOR_EXAMPLE

DOMAIN = "acme.example"
EXAMPLE_GROUP = "my_new_group"
ALL_STAFF = "MI - All Staff"
FINANCE = "MI - Finance"
CONTRACTORS = "MI - Contractors"
SALES = "MI - Sales EMEA"
OPERATIONS = "MI - Operations"
DOUBLE_SPACE = "MI - Night  Shift"
QUOTES = 'R&D "Skunk\\Works" <script>alert(1)</script>'
DIACRITICS = "Équipe Données 数据"
EMPTY = "MI - Empty"
SHARED_NAME = "Data Analysts"
"""Name of two imported groups."""

SHARED_MAILBOX = f"frontdesk@{DOMAIN}"
"""E-mail of two contractors."""

TAKEN_EMAIL = f"kim.lee@{DOMAIN}"
"""E-mail of a contractor that in Metric Insights belongs to somebody of another username."""

SYNCED_STATUSES = frozenset(STATUSES) - {"SUSPENDED", "DEPROVISIONED"}
"""Statuses of people who still work here."""

_NOW = datetime(2026, 1, 15, 8, 0, tzinfo=UTC)
_DEPARTMENTS = ("Finance", "Sales", "Operations", "Engineering", "Marketing", "People", "Legal", "Support")
_FINANCE_SIZE = 60
_ALL_STAFF_SIZE = 1000
_STATUS_WEIGHTS = (930, 12, 8, 4, 16, 6, 12, 12)
_REALM = "guo1hj4k2mNbVcXz85d7"


def seed_org(users: int = 1200, seed: int = 7) -> OktaOrg:
    """Return an org of `users` users. The same arguments give the same org, ids and times included.

    Groups have their full size from about 1,050 users on (``MI - All Staff`` 1,000 members, ``MI -
    Finance`` 60) and are smaller in a smaller org; ``my_new_group`` always has two.

    Raises:
        ValueError: `users` is below 2.
    """
    if users < 2:
        raise ValueError(f"an org needs at least 2 users, not {users}")
    org = OktaOrg(seed)
    logins: set[str] = set()
    finance = min(_FINANCE_SIZE, max(1, users // 4)) if users > 2 else 0
    people = [_add_person(org, seed, number, finance, logins) for number in range(users)]
    contractors = people[2 + finance : 2 + finance + min(6, max(0, users - 2 - finance) // 8)]
    _make_contractors_difficult(org, contractors)
    _add_groups(org, seed, people, finance, contractors)
    org.owner_id = people[0]
    return org


def _add_person(org: OktaOrg, seed: int, number: int, finance: int, logins: set[str]) -> str:
    chance = random.Random(f"{seed}:{number}")  # noqa: S311 - repeatable by design
    status = "ACTIVE"
    if number < 2:
        given, family, account = VENDOR_EXAMPLE[number]
    elif number < 2 + min(finance, len(NOTABLE)):
        given, family, account = NOTABLE[number - 2]
    else:
        given, family = chance.choice(GIVEN_NAMES), chance.choice(FAMILY_NAMES)
        account = f"{_ascii(given)}.{_ascii(family)}"
        status = _status(number - 2 - len(NOTABLE), finance - len(NOTABLE), chance)
    if account in logins:
        account = f"{account}{number}"
    logins.add(account)
    login = account if number % 37 == 36 else f"{account}@{DOMAIN}"  # some logins are no e-mail
    profile: dict[str, Any] = {
        "firstName": given,
        "lastName": family,
        "mobilePhone": None if chance.random() < 0.7 else f"+1555{number:07d}",
        "secondEmail": None,
        "login": login,
        "email": f"{account}@{DOMAIN}",
        "department": _DEPARTMENTS[0] if number < 2 + finance else chance.choice(_DEPARTMENTS),
        "employeeNumber": f"E{number:06d}",
        "costCodes": [f"F{chance.randint(1, 9)}" for _ in range(chance.randint(0, 3))],
        "biAccess": chance.random() < 0.8,
        "fullTimeShare": chance.choice((0.5, 0.8, 1.0)),
    }
    return org.add_user(
        profile, status=status, user_id=okta_id("00u", chance), **_life(status, chance), **_credentials(status, profile)
    )


def _status(place: int, finance_places: int, chance: random.Random) -> str:
    """Return the status of the person `place` behind the notable ones: in Finance each twice, in turn."""
    drawn = chance.choices(STATUSES, weights=_STATUS_WEIGHTS)[0]
    if place >= finance_places:
        return drawn
    return STATUSES[place % len(STATUSES)] if place < 2 * len(STATUSES) else "ACTIVE"


def _life(status: str, chance: random.Random) -> dict[str, Any]:
    """Return the time stamps of a user of this status; those of steps not taken are null."""
    created = _NOW - timedelta(seconds=chance.randint(86_400 * 30, 86_400 * 1500))
    activated = None if status in {"STAGED", "PROVISIONED"} else created + timedelta(seconds=1)
    last_login = None
    if activated is not None and chance.random() < 0.9:
        last_login = _NOW - timedelta(seconds=chance.randint(60, 86_400 * 25))
    return {
        "created": timestamp(created),
        "activated": None if activated is None else timestamp(activated),
        "statusChanged": None if status == "STAGED" else timestamp(created + timedelta(hours=3)),
        "lastLogin": None if last_login is None else timestamp(last_login),
        "lastUpdated": timestamp(created + timedelta(days=20)),
        "passwordChanged": None if activated is None else timestamp(created + timedelta(hours=3)),
        **({"realmId": _REALM} if chance.random() < 0.9 else {}),
    }


def _credentials(status: str, profile: dict[str, Any]) -> dict[str, Any]:
    credentials: dict[str, Any] = {"provider": {"type": "OKTA", "name": "OKTA"}}
    if status not in {"PROVISIONED", "STAGED", "DEPROVISIONED"}:
        credentials["password"] = {}
        credentials["emails"] = [{"value": profile["email"], "status": "VERIFIED", "type": "PRIMARY"}]
    return {"credentials": credentials}


def _make_contractors_difficult(org: OktaOrg, contractors: list[str]) -> None:
    """Give contractors what a sync must report instead of write: shared, taken and missing e-mails."""
    changes: list[dict[str, Any]] = [
        {"email": SHARED_MAILBOX},
        {"email": SHARED_MAILBOX},
        {"email": TAKEN_EMAIL},
        {"firstName": None, "lastName": None},
    ]
    for user_id, change in zip(contractors, changes, strict=False):
        user = org.users[user_id]
        org.users[user_id] = {**user, "status": "ACTIVE", "profile": {**user["profile"], **change}}


def _add_groups(org: OktaOrg, seed: int, people: list[str], finance: int, contractors: list[str]) -> None:
    chance = random.Random(f"{seed}:groups")  # noqa: S311 - repeatable by design
    working = [user_id for user_id in people if org.users[user_id]["status"] in SYNCED_STATUSES]
    staff = [user_id for user_id in working if user_id not in set(contractors)]
    scale = min(1.0, len(people) / _ALL_STAFF_SIZE)

    def some(size: int) -> list[str]:
        return chance.sample(staff, min(len(staff), max(1, round(size * scale))))

    def group(name: str, members: list[str], description: str = "", **fields: Any) -> None:
        group_id = okta_id("00g", random.Random(f"{seed}:group:{len(org.groups)}"))  # noqa: S311 - repeatable
        created = _NOW - timedelta(days=400 - len(org.groups))
        times: dict[str, Any] = {
            "created": timestamp(created),
            "lastUpdated": timestamp(created + timedelta(days=30)),
            "lastMembershipUpdated": timestamp(created + timedelta(days=300, hours=5)),
        }
        org.add_group(name, description=description, group_id=group_id, **times, **fields)
        org.fill_group(group_id, members)

    group("Everyone", people, "All users in your organization", group_type="BUILT_IN")
    group("Okta Administrators", people[:2], "Okta manages this group", group_type="BUILT_IN")
    group(EXAMPLE_GROUP, people[:2], "Example of the vendor's help page")
    group(ALL_STAFF, staff[:_ALL_STAFF_SIZE], "Everybody who works here", profile={"costCenter": "A-001"})
    group(FINANCE, people[2 : 2 + finance], "Finance & Controlling", profile={"costCenter": "F-100"})
    group(SALES, some(120), "Sales in Europe, Middle East and Africa")
    group(OPERATIONS, some(80))
    group(CONTRACTORS, contractors, "External staff: shared and clashing e-mails")
    group(DOUBLE_SPACE, some(12), "The name has two blanks in a row")
    group(QUOTES, some(9), "Quotes, a backslash and markup in the name")
    group(DIACRITICS, some(15))
    group(EMPTY, [], "Nobody is in here")
    for number, size in enumerate((25, 18)):
        group(SHARED_NAME, some(size), **_imported(SHARED_NAME, number))
    group(FINANCE.lower(), some(7), **_imported(FINANCE.lower(), 2))


def _imported(name: str, number: int) -> dict[str, Any]:
    """Return the further fields of a group that comes from Active Directory number `number`."""
    domain = ("corp", "lab", "legacy")[number]
    return {
        "group_type": "APP_GROUP",
        "objectClass": ["okta:windows_security_principal"],
        "source": {"id": f"0oa{domain:x<14}5d7"},
        "profile": {
            "samAccountName": name,
            "dn": f"CN={name},OU=Groups,DC={domain},DC=acme,DC=example",
            "externalId": "VKzYZ1C+IkSZxIWlrW5ITg==",
            "windowsDomainQualifiedName": f"{domain.upper()}\\{name}",
        },
    }


def _ascii(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.replace("ø", "o").replace("ı", "i").replace("ł", "l"))
    return decomposed.encode("ascii", "ignore").decode().lower()
