"""The one task of a stand-in DAG: fails with what is wrong in the groups file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from airflow.sdk import Context


class ConfigErrorOperator(BaseOperator):
    """Fails.

    Args:
        message: With this.
        kwargs: As for every Airflow operator.
    """

    template_fields = ()
    ui_color = "#fbe8e8"

    def __init__(self, *, message: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.message = message

    def execute(self, context: Context) -> None:  # noqa: ARG002
        """Fails.

        Raises:
            AirflowFailException: Always.
        """
        raise AirflowFailException(self.message)
