"""Prints settings for docker-compose.yaml with fresh secrets: ``python3 scripts/new_env.py > .env``.

With ``--demo`` also the connections to the simulators that the compose profile ``demo`` starts.
.env.example explains each setting. Nothing but the standard library is needed.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def fresh_secrets() -> dict[str, str]:
    """A value for each secret that docker-compose.yaml asks for."""
    return {
        "POSTGRES_PASSWORD": secrets.token_hex(24),
        "REDIS_PASSWORD": secrets.token_hex(24),
        "AIRFLOW_ADMIN_PASSWORD": secrets.token_hex(12),
        "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "AIRFLOW_JWT_SECRET": secrets.token_hex(64),
        "AIRFLOW_SECRET_KEY": secrets.token_hex(32),
    }


def demo_settings() -> dict[str, str]:
    """The groups and the connections of the profile ``demo``."""
    sys.path.insert(0, str(REPOSITORY))  # it need not be installed
    from demo.connections import simulator_connections  # noqa: PLC0415

    connections = simulator_connections("http://simulators:8081", "http://simulators:8082")
    return {"OKTA_GROUPS_DIR": "./demo"} | {name: f"'{value}'" for name, value in connections.items()}


def main() -> None:
    """Prints the settings."""
    parser = argparse.ArgumentParser(description="Prints settings for docker-compose.yaml with fresh secrets.")
    parser.add_argument("--demo", action="store_true", help="add the connections to the simulators")
    settings = fresh_secrets() | (demo_settings() if parser.parse_args().demo else {})
    for name, value in settings.items():
        print(f"{name}={value}")


if __name__ == "__main__":
    main()
