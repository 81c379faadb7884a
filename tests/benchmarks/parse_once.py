"""`python parse_once.py FILE RESULT`: parses a DAG file, and writes what it cost.

RESULT gets the seconds of CPU time that importing Airflow has taken, those of the file, and how many DAGs it
has made. What this process costs shall be theirs, so it imports nothing else. It ends as Airflow ends the processes
that parse (`_fork_main` of `airflow.sdk.execution_time.supervisor`): at once, with everything left as it is.
"""

import importlib.util
import json
import os
import sys
import time

_NAME = "parsed"

began = time.process_time()
from airflow.sdk import DAG  # noqa: E402, F401 - the DAG processor has it before it looks at a file
from airflow.sdk.definitions._internal.contextmanager import DagContext  # noqa: E402

import_s = time.process_time() - began
specification = importlib.util.spec_from_file_location(_NAME, sys.argv[1])
assert specification
assert specification.loader
module = sys.modules[_NAME] = importlib.util.module_from_spec(specification)
DagContext.current_autoregister_module_name = _NAME
began = time.process_time()
specification.loader.exec_module(module)
file_s = time.process_time() - began
with open(sys.argv[2], "w") as result:
    json.dump([import_s, file_s, len(DagContext.autoregistered_dags)], result)
os._exit(0)
