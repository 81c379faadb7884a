"""What to do next about an answer that did not do what was asked: a sentence for each kind of failure.

What only one system can say (rights, credentials) is in its own modules.
"""

from __future__ import annotations

from collections.abc import Mapping

from okta_mi_provider.clients.errors import Call
from okta_mi_provider.clients.metric_insights_dialect import MIDialect

#: Where groups are created.
_GROUPS = "/api/user_group"
#: The answer is none that the system gives by itself.
SOMETHING_BETWEEN = (
    "A proxy, a sign-on page or a server in maintenance may have answered instead, or cut the answer off: see what a "
    "browser on this machine is shown at {base}."
)
#: It was read that the object exists, and now it does not.
DELETED_MEANWHILE = "It may have been deleted meanwhile; the next run reads everything again."
#: A 5xx of Okta.
OKTA_TROUBLE = "Okta has trouble of its own; see status.okta.com."
#: A list of Okta that goes in circles.
OKTA_GOES_IN_CIRCLES = (
    "That is a fault of Okta's that mostly passes: run it again. If it stays, ask Okta's support, with the request id."
)
#: A list of Okta whose cursor expires again and again.
CURSORS_EXPIRE = (
    "The cursor of this list has expired each of the {times} times that it was begun: reading it takes too long. Run "
    "it when less is going on, or read more at a time (page_size of the connection, up to 1000)."
)


def about_mi_trouble(call: Call) -> str:
    """What to do about a 5xx of MI."""
    ticket = f", with the request id {call.request_id}," if call.request_id else ""
    return f"MI has trouble of its own. If it stays, ask its administrator to look into its log{ticket} for the reason."


def about_mi_absence(call: Call, base: object) -> str:
    """What to do about a 404 of MI: a list is always there, an object may go."""
    if "/id/" in call.path:
        return DELETED_MEANWHILE
    return f"Is {base} the address of Metric Insights, with the path in front of /api?"


def about_mi_refusal(call: Call, words: str, dialect: MIDialect, sent: Mapping[str, object]) -> str:
    """What to do about a request that MI refuses: the switch that may be set otherwise, or whom to correct.

    Args:
        call: Which request.
        words: MI's reason, "" if it gave none.
        dialect: What is assumed of this MI.
        sent: The body of the request.
    """
    if call.method == "GET":
        return "This MI does not take the request in this form; docs/compatibility.md has what can be set otherwise."
    if call.method == "PUT" and dialect.user_update_body == "changed":
        return (
            "Only what differs was sent, since 'user_update_body' of the connection is 'changed'; 'merged' sends all."
        )
    added = sorted(dialect.extra_user_create_fields.keys() & sent.keys())
    if added:
        return f"Among what was sent is {', '.join(added)}, from 'extra_user_create_fields' of the connection."
    if "password" in words.casefold() and dialect.password_mode != "random":  # noqa: S105
        return f"'password_mode' of the connection is '{dialect.password_mode}'; 'random' sends a strong one."
    if "external_group_id" in sent:
        return "It was sent 'external_group_id', since 'send_external_group_id' of the connection is true."
    if call.path.rstrip("/") == _GROUPS:
        return "Create the group in MI by hand; the next run goes on with it."
    if not words:
        return "MI gives no reason; its log may."
    return "If it is about the user's attributes, correct them in Okta or in MI; the next run tries again."


def about_a_group_alike(names: str) -> str:
    """What to do about a group that MI refuses while it has one of nearly that name.

    Args:
        names: The names that MI has, quoted.
    """
    return (
        f"MI has {names}, and may hold the two names for one; here capitals, blanks and accents count. Rename the "
        "group in MI or in Okta, or sync into the one that is there: target_group."
    )
