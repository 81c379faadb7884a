"""Where our pages are, below the address of Airflow itself: what the plugin registers, and what the tasks link to."""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit

from airflow.sdk import conf

#: Where the application of our pages is.
PREFIX = "/okta-mi"
#: What Airflow's UI calls the tab of a run that shows one of them.
RUN_TAB = "okta-sync-run"
#: The same of a DAG.
DAG_TAB = "okta-sync-dag"


def prefix() -> str:
    """What stands in front of every path of this Airflow, "" for most: the path of `[api] base_url`."""
    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


def dag_tab(dag_id: str, under: str) -> str:
    """The tab of a DAG: its runs, and their numbers over time.

    Args:
        dag_id: The DAG.
        under: The `prefix` of this Airflow: to read its configuration for each of many DAGs would take a while.
    """
    return f"{under}/dags/{quote(dag_id, safe='')}/plugin/{DAG_TAB}"


def run_tab(dag_id: str, run_id: str) -> str:
    """The tab of a run of Airflow: its numbers, and its plan.

    It is a path, so that a browser stays where its user has signed in, whatever name the server has for itself.

    Args:
        dag_id: The DAG.
        run_id: Airflow's id of the run.
    """
    return f"{prefix()}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}/plugin/{RUN_TAB}"


def run_page(run: int) -> str:
    """The same of a single run in the store: a run of somebody's own DAG can have several.

    Args:
        run: Its id in the store.
    """
    return f"{prefix()}{PREFIX}/run?{urlencode({'id': run})}"
