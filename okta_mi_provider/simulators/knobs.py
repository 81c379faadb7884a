"""What can be switched while a simulator runs: one validated value per server.

``GET /_sim/knobs`` reads it, ``PUT /_sim/knobs`` changes the fields it is given. The defaults are
the documented behaviour of the real systems; where that is unpublished, the likeliest one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Bucket = Literal["groups", "group", "users", "user", "other"]
Status = Annotated[int, Field(ge=200, le=599)]
HeaderValue = Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")]
Count = Annotated[int, Field(ge=0)]


class Knobs(BaseModel):
    """The knobs both servers have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_ms: float = Field(default=0, ge=0, description="Wait before a request is looked at, in milliseconds.")
    clock_skew_s: float = Field(default=0, description="Seconds by which this server's clock is fast; below 0: slow.")
    missing_headers: tuple[str, ...] = Field(
        default=(), description="Headers left out of every answer, such as `Date` or `X-Rate-Limit-Reset`."
    )
    replaced_headers: dict[str, HeaderValue | None] = Field(
        default={}, description="Headers that every answer has, with these values; null: as it really is."
    )
    log_bodies: bool = Field(
        default=False, description="The request log has the JSON body of each write, without passwords."
    )

    def changed(self, changes: dict[str, Any]) -> Self:
        """Return these knobs with `changes`; a knob that is a mapping keeps the entries not named.

        Raises:
            pydantic.ValidationError: a name is unknown or a value is not allowed.
        """
        values = self.model_dump()
        for name, value in changes.items():
            known = values.get(name)
            values[name] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
        return self.model_validate(values)


class OktaKnobs(Knobs):
    """Behaviour of the simulated Okta org."""

    link_header: Literal["two_lines", "one_line"] = Field(
        default="two_lines", description="`Link` as two header lines (self, then next) or as one, joined by a comma."
    )
    page_cap: int | None = Field(default=None, ge=1, description="Most rows in any page, whatever `limit` says.")
    members_max_limit: int = Field(default=1000, ge=1, description="Highest `limit` of a member list.")
    groups_max_limit: int = Field(default=10_000, ge=1, description="Highest `limit` of a group list.")
    users_max_limit: int = Field(default=200, ge=1, description="Highest `limit` of a user list.")
    over_max_limit: Literal["clamp", "reject"] = Field(
        default="clamp", description="A `limit` above the highest one is lowered to it, or answered 400."
    )
    q_max_rows: int = Field(default=300, ge=1, description="Most rows of a `q` query, which has no second page.")
    fail_above_limit: int | None = Field(
        default=None, ge=1, description="A list asked for with a higher `limit` is answered 500."
    )
    fail_above_limit_status: Literal[500, 503, 504] = Field(default=500, description="The status it is answered.")
    next_host: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$")] | None = Field(
        default=None, description="Host, as `scheme://name:port`, that `next` links name instead of the org's own."
    )
    repeat_next: bool = Field(default=False, description="Each `next` link leads to the page it came with, for ever.")
    endless_next: Literal["same_rows", "empty_pages"] | None = Field(
        default=None,
        description="`next` never ends, each time with a fresh cursor: to the rows of the page it came with, or, "
        "behind the last row, to pages without rows.",
    )
    empty_page_at: int | None = Field(
        default=None, ge=1, description="This page of every list, counted from 1, has no rows although more follow."
    )
    overlap_rows: Count = Field(default=0, description="Rows that a page repeats from the end of the one before.")
    cursor_pages: int | None = Field(
        default=None, ge=1, description="Pages after which the cursor of a list has expired (400)."
    )
    cursor_lifetime_s: float | None = Field(default=None, gt=0, description="Seconds after which it has.")
    bad_cursor: Literal["E0000029", "E0000031"] = Field(
        default="E0000029", description="Error code for a cursor that has expired or was not made by the list."
    )
    rate_limit: bool = Field(default=False, description="Enforce `rate_limits`; off, the budget never shrinks.")
    rate_limits: dict[Bucket, Annotated[int, Field(ge=1)]] = Field(
        default={"groups": 500, "group": 1000, "users": 600, "user": 2000, "other": 1200},
        description="Requests per bucket and window.",
    )
    rate_window_s: int = Field(default=60, ge=1, description="Length of the windows, in seconds; Okta's have 60.")
    others_use: dict[Bucket, Count] = Field(
        default={}, description="Requests per bucket and window that somebody else makes, out of the same budget."
    )
    others_pace: Literal["at_once", "evenly"] = Field(
        default="at_once", description="They make them at the start of a window, or spread over it."
    )
    concurrency_limit: int | None = Field(
        default=None, ge=1, description="More requests than this in flight are answered the concurrency 429."
    )
    member_lag_s: float = Field(default=0, ge=0, description="Seconds until a member list shows a change.")
    membership_stamp_lag_s: float = Field(default=0, ge=0, description="The same for `lastMembershipUpdated`.")
    search_lag_s: float = Field(
        default=0, ge=0, description="Seconds until `search`, `filter` and `q` find a group that is new or was renamed."
    )
    null_description: bool = Field(
        default=False, description="Empty group descriptions are null: real, but against Okta's own specification."
    )
    access_token_lifetime_s: float = Field(default=3600, gt=0, description="Life of an OAuth access token, in seconds.")
    ungranted_scope: Literal["refused", "dropped"] = Field(
        default="refused",
        description="A token request that names a scope not granted to the app is answered 400 `invalid_scope`, "
        "or the token goes without that scope if another one is granted.",
    )
    missing_admin_role: Literal["empty", "forbidden"] | None = Field(
        default=None,
        description="Service apps have their scopes but no admin role: lists are empty and nothing is found, or 403.",
    )
    dpop_required: bool = Field(default=False, description="Service apps must prove possession of a key (DPoP).")
    dpop_nonce_rotation_s: float = Field(
        default=86_400, gt=0, description="Seconds until a new DPoP nonce; each works three times as long."
    )
    dpop_api_nonce: bool = Field(
        default=False, description="The API demands a nonce in proofs, not only the token URL."
    )


class MIKnobs(Knobs):
    """Behaviour of the simulated Metric Insights server."""

    id_type: Literal["string", "integer", "mixed"] = Field(
        default="string", description="Ids in answers; `mixed` is text in lists and numbers after a POST."
    )
    ok_statuses: dict[Literal["POST", "PUT", "DELETE"], Status] = Field(
        default={"POST": 201, "PUT": 200, "DELETE": 200}, description="Status of a successful write, by method."
    )
    user_item_envelope: Literal["user", "users"] = Field(
        default="user", description="One user is answered as an object under `user` or as a list under `users`."
    )
    user_update_body: Literal["partial", "replace", "off"] = Field(
        default="partial",
        description="`PUT` of a user keeps fields that are not sent, resets them to their defaults "
        "(400 if one is required), or is not there (405).",
    )
    group_update: Literal["partial", "replace", "off"] = Field(default="partial", description="The same for a group.")
    disable_method: Literal["put_enabled", "ignored"] = Field(
        default="put_enabled", description="`PUT` with `enabled` has an effect, or none although it is answered 200."
    )
    default_group_id: int = Field(default=1, ge=1, description="Id of the Default Group.")
    default_group_method: Literal["added", "either", "ignored"] = Field(
        default="added",
        description='A created user with `in_group_id` and `default_group_ind` "Y" joins both groups, joins '
        "only the named one, or `default_group_ind` is not understood at all.",
    )
    in_group_method: Literal["honoured", "ignored"] = Field(
        default="honoured", description="Whether `in_group_id` puts a created user into that group."
    )
    username_casefold: bool = Field(default=True, description="Usernames that differ only in case are duplicates.")
    group_name_casefold: bool = Field(default=True, description="The same for group names.")
    unique_email: bool = Field(default=True, description="Creating a second user with one e-mail is refused.")
    password_mode: Literal["required", "optional"] = Field(
        default="required", description="Whether a created user needs a password that meets the rule."
    )
    extra_user_create_fields: Literal["ignored", "rejected"] = Field(
        default="ignored", description="Unknown keys in the body of a user are dropped, or answered 400."
    )
    external_group_id: Literal["writable", "ignored"] = Field(
        default="writable", description="Whether a group's `external_group_id` can be written."
    )
    duplicate_message: str = Field(
        default="{what} already exists", description="Text of a 400 about a duplicate; `{what}` names it."
    )
    deadlock_status: Status = Field(default=500, description="Status of the `deadlock` fault.")
    user_lookup: Literal["list", "query"] = Field(
        default="list", description="`GET /api/user?username=` or `?email=` lists everybody, or filters."
    )
    list_paging: int | None = Field(
        default=None, ge=1, description="Most rows a list answers; the body then announces all of them as `total`."
    )
    paging_params: bool = Field(
        default=False, description="Lists honour `limit` and `offset`, and announce all rows as `total`."
    )
    single_row: Literal["list", "object"] = Field(
        default="list", description="A list of one row is a list, or the row itself in its place."
    )
    empty_list: Literal["envelope", "bare"] = Field(
        default="envelope", description="A list without rows is an envelope with an empty list, or `[]`."
    )
    error_key: Literal["message", "error"] | None = Field(
        default="message", description="Key of the text in the body of an error; null: there is no text."
    )
    member_list: Literal["per_group", "all"] = Field(
        default="per_group", description="A member list without selector is answered 400, or with all memberships."
    )
    token_lifetime_s: float = Field(default=3600, gt=0, description="Life of a session token, in seconds.")
    session_requests: int | None = Field(
        default=None, ge=1, description="Calls after which a session is dead, whatever its age."
    )
    expires_in_answer: bool = Field(default=True, description="Whether a token answer has `expires`.")
    dead_bearer_status: Literal[401, 412] = Field(
        default=412, description="Status for a personal token that is not, or no longer, valid."
    )
    wrong_credentials: Literal["401", "empty_list"] = Field(
        default="401", description="`get_token` with wrong credentials is answered 401, or 200 with `[]`."
    )
    personal_token_can_manage_users: bool = Field(
        default=True, description="Whether personal tokens may use the user and membership calls."
    )
    system_admin_protected: bool = Field(
        default=True, description="Only a System Admin may change a user who is one; others are answered 403."
    )
    mail_on_create: bool = Field(default=True, description="A created user is mailed credentials (see the outbox).")
    throttle_per_minute: int | None = Field(
        default=None, ge=1, description="More requests than this in 60 seconds are answered 429."
    )
    max_in_flight: int | None = Field(
        default=None, ge=1, description="More requests than this at a time are refused as `over_in_flight` says."
    )
    over_in_flight: Literal["deadlock", "429", "503"] = Field(
        default="deadlock", description="How they are refused; a deadlock meets writes only."
    )
