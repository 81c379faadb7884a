"""Random people: ordinary ones, and those who make a sync difficult."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.world import DEFAULT_GROUP, Account, Person

STATUSES = (
    "ACTIVE", "DEPROVISIONED", "LOCKED_OUT", "PASSWORD_EXPIRED", "PROVISIONED", "RECOVERY", "STAGED", "SUSPENDED",
)  # fmt: skip
TYPES = ("regular", "power", "administrator")

NAMES = (
    "Ana", "Bruno", "Zoë", "Łukasz", "李雷", "محمد", "O'Neill", 'Jo "J" Doe', "Robert'); DROP TABLE user;--",
    "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "%s %(token)s {0} {secret}", "back\\slash", "new\nline",
    "tab\there", "\u202ereversed", "emoji 🙂", "Straße", "İstanbul", "a,b;c", "|pipe|*md*", "\x01control", "  blanks  ",
    "null", "0", "-", "é" * 100,
)  # fmt: skip


@dataclass
class Crowd:
    """Gathers people of both sides while they are thought up."""

    chance: random.Random
    groups: int
    mi_groups: tuple[str, ...]
    people: list[Person] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    number: int = 0

    def okta(self, name: str, groups: tuple[int, ...], status: str | None = None, **profile: Any) -> None:
        """Adds somebody to Okta who lacks nothing, but for what `profile` says."""
        usual = {
            "login": f"{name}@acme.example",
            "email": f"{name}@acme.example",
            "firstName": self.name(),
            "lastName": self.name(),
            "nick": name,
        }
        self.people.append(Person({**usual, **profile}, status or self.status(), groups))

    def mi(self, username: str, email: str, **fields: Any) -> None:
        """Adds somebody to MI, with random groups unless `fields` says which."""
        usual = {
            "first_name": self.name().strip(),
            "last_name": self.name().strip(),
            "groups": tuple(name for name in self.mi_groups if self.chance.random() < 0.35),
        }
        self.accounts.append(Account(username, email, **{**usual, **fields}))

    def name(self) -> str:
        return self.chance.choice(NAMES)

    def status(self) -> str:
        return "ACTIVE" if self.chance.random() < 0.7 else self.chance.choice(STATUSES)

    def unused(self) -> str:
        """A name that nobody has."""
        self.number += 1
        return f"{self.chance.choice(('user', 'Üser', 'x.y+z', 'USER', 'straße'))}{self.number}"

    def spelt(self, text: str) -> str:
        """The same to a server that ignores case."""
        return self.chance.choice((text, text, text.upper(), text.title()))


def ordinary(crowd: Crowd, username_attr: str) -> None:
    """Somebody of Okta who is nobody else; in MI already or not, as in Okta or not."""
    chance, name = crowd.chance, crowd.unused()
    groups = tuple(place for place in range(crowd.groups) if chance.random() < 0.6) or (0,)
    crowd.okta(name, groups)
    if chance.random() < 0.4:
        profile = crowd.people[-1].profile
        as_in_okta = chance.random() < 0.4
        names = {"first_name": profile["firstName"].strip(), "last_name": profile["lastName"].strip()}
        email = profile["email"] if chance.random() < 0.8 else f"old-{name}@acme.example"
        crowd.mi(
            crowd.spelt(profile[username_attr]),
            crowd.spelt(email),
            type=chance.choice(TYPES),
            enabled="N" if chance.random() < 0.1 else "Y",
            system_admin=chance.random() < 0.05,
            **(names if as_in_okta else {}),
        )


def bystander(crowd: Crowd) -> None:
    """Somebody of MI who is not in Okta."""
    name = crowd.unused()
    crowd.mi(f"mi.{name}", f"mi.{name}@acme.example", type=crowd.chance.choice(TYPES))


def leaver(crowd: Crowd, username_attr: str) -> None:
    """Somebody who is in all groups of MI, and in Okta in one group at most."""
    chance, name = crowd.chance, crowd.unused()
    groups = chance.choice(((), (), (chance.randrange(crowd.groups),)))
    crowd.okta(name, groups, "ACTIVE")
    username = crowd.spelt(crowd.people[-1].profile[username_attr])
    crowd.mi(username, f"{name}@acme.example", type=chance.choice(TYPES), groups=crowd.mi_groups)


def deactivated(crowd: Crowd, username_attr: str) -> None:
    """Somebody whom Okta has deactivated and still lists, and who has an account in MI."""
    chance, name = crowd.chance, crowd.unused()
    crowd.okta(name, (chance.randrange(crowd.groups),), "DEPROVISIONED")
    username = crowd.spelt(crowd.people[-1].profile[username_attr])
    system_admin = chance.random() < 0.1
    crowd.mi(username, f"{name}@acme.example", type=chance.choice(TYPES), system_admin=system_admin)


# What follows is about one group of Okta only: with several, the order in which they are synced would decide.


def email_twins(crowd: Crowd, _: str) -> None:
    """Two users of Okta with one address."""
    one, two = crowd.unused(), crowd.unused()
    crowd.okta(one, (0,), "ACTIVE")
    crowd.okta(two, (0,), crowd.chance.choice(("ACTIVE", "SUSPENDED")), email=crowd.spelt(f"{one}@acme.example"))


def username_twins(crowd: Crowd, username_attr: str) -> None:
    """Two users of Okta with one username, where the attribute allows that."""
    if username_attr == "nick":
        one, two = crowd.unused(), crowd.unused()
        crowd.okta(one, (0,), "ACTIVE")
        crowd.okta(two, (0,), "ACTIVE", nick=crowd.spelt(one))


def address_taken(crowd: Crowd, _: str) -> None:
    """The address belongs to somebody else in MI, or to the same person under another name."""
    name = crowd.unused()
    crowd.okta(name, (0,))
    crowd.mi(f"other.{name}", crowd.spelt(f"{name}@acme.example"))


def address_shared(crowd: Crowd, _: str) -> None:
    """Two users of MI have the address."""
    name = crowd.unused()
    crowd.okta(name, (0,))
    for number in range(2):
        crowd.mi(f"shared{number}.{name}", f"{name}@acme.example")


def address_moves(crowd: Crowd, username_attr: str) -> None:
    """Somebody new has the address that somebody else is giving up: done only after that one was updated."""
    leaving, coming = crowd.unused(), crowd.unused()
    crowd.okta(leaving, (0,), "ACTIVE")
    crowd.okta(coming, (0,), "ACTIVE")
    crowd.mi(crowd.people[-2].profile[username_attr], crowd.people[-1].profile["email"])


def addresses_swapped(crowd: Crowd, username_attr: str) -> None:
    """Two people have each other's address in MI."""
    for name in (crowd.unused(), crowd.unused()):
        crowd.okta(name, (0,), "ACTIVE")
    one, two = (person.profile for person in crowd.people[-2:])
    crowd.mi(one[username_attr], two["email"])
    crowd.mi(two[username_attr], one["email"])


def mi_twins(crowd: Crowd, username_attr: str) -> None:
    """Two users of MI whose usernames differ in case only."""
    name = f"twin{crowd.unused()}"
    crowd.okta(name, (0,), "ACTIVE")
    username = str(crowd.people[-1].profile[username_attr])
    crowd.mi(username.lower(), f"lower.{name}@acme.example")
    crowd.mi(username.upper(), f"upper.{name}@acme.example")


def incomplete(crowd: Crowd, username_attr: str) -> None:
    """Nothing where MI demands something."""
    name, nothing = crowd.unused(), crowd.chance.choice((None, "", "   ", ["a", "list"], True))
    lacking = crowd.chance.choice(("email", "nick") if username_attr == "nick" else ("email",))
    crowd.okta(name, (0,), **{lacking: nothing})


def nameless(crowd: Crowd, _: str) -> None:
    """No names, which is allowed."""
    crowd.okta(crowd.unused(), (0,), firstName=None, lastName=crowd.chance.choice((None, "", 7)))


def refused(crowd: Crowd, username_attr: str) -> None:
    """What MI does not take; maybe for somebody who is there already."""
    name = crowd.unused()
    crowd.okta(name, (0,), "ACTIVE", **crowd.chance.choice(({"email": f"{name} at acme"}, {"firstName": "long" * 30})))
    if crowd.chance.random() < 0.5:
        crowd.mi(crowd.people[-1].profile[username_attr], f"{name}@acme.example")


def strange_status(crowd: Crowd, _: str) -> None:
    """A status that nobody knows."""
    crowd.okta(crowd.unused(), (0,), "TRANSMOGRIFIED")


DIFFICULT: tuple[Callable[[Crowd, str], None], ...] = (
    email_twins, username_twins, address_taken, address_shared, address_moves, addresses_swapped, mi_twins, incomplete,
    nameless, refused, strange_status,
)  # fmt: skip


def administrators() -> list[Account]:
    """Those without whom nothing works: the user behind the credentials, and MI's own."""
    return [
        Account(
            "svc_okta_sync", "svc_okta_sync@acme.example", "Okta", "Sync", "administrator", groups=(DEFAULT_GROUP,)
        ),
        Account("admin", "admin@acme.example", "System", "Admin", "administrator", system_admin=True),
    ]
