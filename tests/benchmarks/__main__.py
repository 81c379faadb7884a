"""`python -m tests.benchmarks`: what `make bench` runs."""

from __future__ import annotations

import argparse
import compileall
import os
import sys
from collections.abc import Callable, Mapping

import okta_mi_provider
from tests.benchmarks import dag_run, diffing, first_load, many_groups, others, parsing, steady
from tests.benchmarks.page import Findings, write
from tests.benchmarks.scale import Scale

#: In the order of the page.
BENCHMARKS: Mapping[str, Callable[[Scale], Findings]] = {
    "steady": steady.measure,
    "first_load": first_load.measure,
    "groups": many_groups.measure,
    "diff": diffing.measure,
    "parse": parsing.measure,
    "dag_run": dag_run.measure,
    "others": others.measure,
}


def main() -> int:
    """Measures, and shows and writes what was found.

    Returns:
        0 if all targets are met.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="a tenth of the users; writes nothing")
    parser.add_argument("--big", action="store_true", help="also a million users, which takes 8 GB and many minutes")
    parser.add_argument("--others", action="store_true", help="also the software of the dependency group bench")
    args = parser.parse_args()
    if strange := [name for name in args.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {', '.join(strange)}; there are {', '.join(BENCHMARKS)}")
    # As pip leaves a package: whoever forbids Python to write bytecode would compile it anew for each process.
    compileall.compile_dir(okta_mi_provider.__path__[0], quiet=1)
    scale = Scale(quick=args.quick, big=args.big, others=args.others)
    missed = 0
    for name in args.names or [name for name in BENCHMARKS if name != "others" or args.others]:
        load = os.getloadavg()[0]
        findings = BENCHMARKS[name](scale)
        section = findings.markdown(load)
        print(section, flush=True)
        if not scale.quick:
            write(name, section, list(BENCHMARKS))
        missed += sum(not target.met for target in findings.targets)
    return 1 if missed else 0


sys.exit(main())
