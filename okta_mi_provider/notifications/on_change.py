"""Tells people of a sync when its state changes, and not again as long as it stays so.

Hands on to any notifier of Airflow. What was told last is noted in the store, for each notifier by itself.
"""

from __future__ import annotations

import copy
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowException
from jinja2 import TemplateError

from okta_mi_provider.notifications.state_change import ASKED, StateChange
from okta_mi_provider.settings import SyncSettings
from okta_mi_provider.settings_error import SettingsError
from okta_mi_provider.sync.report import State
from okta_mi_provider.sync.text import one_line

if TYPE_CHECKING:
    from airflow.sdk import Context

    from okta_mi_provider.store import Store

log = logging.getLogger(__name__)

_WELL = State.DONE.value
#: An address; of a webhook everything after the host is a secret.
_URL = re.compile(r"\bhttps?://\S+", re.IGNORECASE)


class _Sync(NamedTuple):
    """Which sync a task is about; `part` says which one where a mapped task has many."""

    dag_id: str
    part: str
    title: str


class OnStateChange(BaseNotifier):
    """A callback for the task that ends a sync, for its success and for its failure.

    `build_dags(__file__, on_state_change=[...])` attaches it to the generated DAGs. To a `ProvisionOperator`::

        told = OnStateChange(SmtpNotifier(to="bi@example.org", subject="{{ okta_mi.headline }}"))
        ProvisionOperator(..., on_success_callback=told, on_failure_callback=told)

    Dry runs, and syncs of a single user, tell nobody. A notifier that fails does not fail the sync: its error is in the
    task's log, and it is tried again at the end of the next run.

    Args:
        notifiers: Whom to hand on to. `okta_mi` in their templates is a `StateChange`.
    """

    def __init__(self, *notifiers: BaseNotifier) -> None:
        super().__init__()
        self.notifiers = notifiers

    def notify(self, context: Context) -> None:
        """Tells those who do not know the state yet. Never raises."""
        try:
            settings = _settings(context)
            if settings.dry_run or settings.only_user is not None:
                return
            ended = _result(context)
            # Without a result the task has died before it could tell.
            state = str(ended.get("state", State.FAILED.value))
            self._tell(context, state, ended)
        except Exception:
            log.exception("It could not be found out who is to be told of this run, so nobody was.")

    def _tell(self, context: Context, state: str, ended: Mapping[str, Any]) -> None:
        from okta_mi_provider.hooks.store import open_store
        from okta_mi_provider.store import StoreError

        sync = _sync(context)
        named = list(_named(self.notifiers))
        try:
            with open_store() as store:
                # All of them first: when this fails, nobody has been told yet.
                known = {key: store.told(sync.dag_id, key, sync.part) or _WELL for key, _ in named}
                for key, notifier in named:
                    before = known[key]
                    if state != before and _hand_on(notifier, context, _change(context, sync, state, before, ended)):
                        _note(store, sync, key, state)
        except StoreError as error:
            log.warning("What was told last is not known: %s", error)
            before = _state_of_previous_run(context)
            if state != before:
                for _, notifier in named:
                    _hand_on(notifier, context, _change(context, sync, state, before, ended))


class OnQuestion(BaseNotifier):
    """For the `notifiers` of the task `approve`: tells that a plan waits for a person. Each question is told once.

    Args:
        notifiers: As for `OnStateChange`.
    """

    def __init__(self, *notifiers: BaseNotifier) -> None:
        super().__init__()
        self.notifiers = notifiers

    def notify(self, context: Context) -> None:
        """Tells everybody. Never raises: the question is there, whether or not somebody could be told."""
        change = _change(context, _sync(context), ASKED, _WELL, {})
        for _, notifier in _named(self.notifiers):
            _hand_on(notifier, context, change)


def _hand_on(notifier: BaseNotifier, context: Context, change: StateChange) -> bool:
    """Whether it has worked."""
    again = "" if change.state == ASKED else " It is tried again at the end of the next run."
    try:
        _call(notifier, context, change)
    except Exception as error:  # noqa: BLE001 - a notifier is somebody else's code, and none may fail a sync
        log.error(  # noqa: TRY400 - its traceback would not say more, and may show what it was about to send
            "%s has failed, so nobody was told by it: %s.%s", type(notifier).__name__, _without_secrets(error), again
        )
        return False
    log.info("%s was told: %s", type(notifier).__name__, change.headline)
    return True


def _call(notifier: BaseNotifier, context: Context, change: StateChange) -> None:
    """Does what calling a notifier does, step by step: a call would write the text of an error into the log.

    Raises:
        Exception: Whatever the notifier raises.
    """
    # A notifier puts what it has rendered in the place of its templates; other DAGs of the process need those.
    own = copy.copy(notifier)
    templates = {name: getattr(own, name) for name in own.template_fields}
    known: Any = {**context, "okta_mi": change, **templates}
    own.render_template_fields(known)
    own.notify(known)


def _without_secrets(error: Exception) -> str:
    """What a notifier has died of. The text of an error may hold the address of a webhook, and that is its secret.

    Told are its type, the status of an answer, the operating system's words, and what Airflow and Jinja say: they speak
    of connections, fields and templates.
    """
    name = type(error).__name__
    if isinstance(error, AirflowException | TemplateError):
        return f"{name}: {_URL.sub('an address', one_line(str(error), 500)).rstrip('.')}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(status, int):
        return f"{name}: the server has answered {status}"
    code = getattr(error, "smtp_code", None)
    if isinstance(code, int):
        return f"{name}: the mail server has answered {code}"
    if isinstance(error, OSError) and error.errno and error.strerror and not error.filename:
        return f"{name}: {one_line(str(error.strerror), 200)}"
    return f"{name} (its text may hold a secret, and is not shown)"


def _note(store: Store, sync: _Sync, key: str, state: str) -> None:
    """Notes what was told."""
    from okta_mi_provider.store import StoreError

    try:
        store.tell(sync.dag_id, key, state, sync.part)
    except StoreError as error:
        log.warning("What was told was not noted, so the end of the next run may tell it again: %s", error)


def _named(notifiers: tuple[BaseNotifier, ...]) -> Iterator[tuple[str, BaseNotifier]]:
    """Each with a name that is the same in the next run."""
    seen: Counter[str] = Counter()
    for notifier in notifiers:
        name = type(notifier).__name__[:80]
        seen[name] += 1
        yield f"{name} {seen[name]}", notifier


def _settings(context: Context) -> SyncSettings:
    task: Any = context["task"]
    try:
        effective: SyncSettings = (
            task.effective_settings(context) if hasattr(task, "effective_settings") else task.settings
        )
    except SettingsError:
        # Somebody has triggered it with settings that it refuses; that is a failure as any other.
        effective = task.settings
    return effective


def _result(context: Context) -> Mapping[str, Any]:
    """What the task has told in numbers; empty if it has not come to that."""
    instance = context["ti"]
    try:
        found = instance.xcom_pull(task_ids=context["task"].task_id, map_indexes=_map_index(context))
    except Exception as error:  # noqa: BLE001 - of a task whose process is gone, the DAG processor has nothing
        log.warning("What the task has returned is not known: %s: %s", type(error).__name__, error)
        return {}
    return found if isinstance(found, dict) else {}


def _sync(context: Context) -> _Sync:
    from okta_mi_provider.store import RunKey

    task: Any = context["task"]
    names = [getattr(task, name, None) for name in ("group", "group_id", "target_group")]
    title = names[0] or names[1] or context["dag"].dag_display_name
    key = RunKey.of_task(context["ti"].dag_id, task.task_id, "")
    # Not its number: that is another group's when the list of groups has changed.
    return _Sync(key.dag_id, "\n".join(filter(None, names)) if _map_index(context) is not None else "", title)


def _map_index(context: Context) -> int | None:
    index = getattr(context["ti"], "map_index", None)
    return index if index is not None and index >= 0 else None


def _change(context: Context, sync: _Sync, state: str, before: str, ended: Mapping[str, Any]) -> StateChange:
    counts = {key: value for key, value in ended.items() if key != "state"}
    return StateChange(sync.title, state, before, counts, str(context["ti"].log_url))


def _state_of_previous_run(context: Context) -> str:
    """By what Airflow knows, where the store does not answer. Not known is well: better told twice."""
    try:
        previous = context["ti"].get_previous_dagrun()
    except Exception as error:  # noqa: BLE001 - this is what is left when the store has failed
        log.warning("The state of the run before is not known: %s: %s", type(error).__name__, error)
        return _WELL
    state = getattr(previous, "state", None)
    return State.FAILED.value if getattr(state, "value", state) == "failed" else _WELL
