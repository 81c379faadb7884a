#!/bin/sh
# Brings the database up to date and sees to it that there is an administrator. Can run any number of times.
set -eu

airflow db migrate
# The command asks twice for a password; as an argument, others could see it in the list of processes.
printf '%s\n%s\n' "$AIRFLOW_ADMIN_PASSWORD" "$AIRFLOW_ADMIN_PASSWORD" |
  airflow users create --username airflow --role Admin --firstname Airflow --lastname Administrator \
    --email airflow@localhost
