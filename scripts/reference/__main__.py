"""`make reference`: writes the generated parts of the documents."""

from __future__ import annotations

import argparse
import sys

from scripts.reference.pages import REPOSITORY, PageError, out_of_date


def main() -> int:
    """Returns 0 if all is up to date, or was written; 1 if something is not, and only that was asked."""
    parser = argparse.ArgumentParser(prog="python -m scripts.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a page is out of date")
    options = parser.parse_args()
    try:
        changed = out_of_date()
    except PageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for path, text in changed.items():
        print(f"{path.relative_to(REPOSITORY)} {'is out of date' if options.check else 'written'}")
        if not options.check:
            path.write_text(text, encoding="utf-8")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
