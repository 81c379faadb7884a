"""The same sources give the same bytes: in another place, at another time, by another user, from the sdist itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

VENV = Path(sys.prefix)

#: What may lie about in a work tree; some of it Git does not even ignore.
LITTER = (
    ".venv/pyvenv.cfg", ".matrix/3.2-3.13/pyvenv.cfg", ".demo/okta.json", ".env", "notes.txt", "okta_groups.yaml",
    "site/index.html", "build/lib/left.py", "dist/okta_mi_provider-0.0.9-py3-none-any.whl", ".idea/workspace.xml",
    "okta_mi_provider/__pycache__/left.cpython-311.pyc", "tests/.pytest_cache/README.md", "tests/.cache/left",
    "okta_mi_provider.egg-info/PKG-INFO", ".git/HEAD",
)  # fmt: skip


def make_build(place: Path, **environment: str) -> dict[str, bytes]:
    """`make build` as a person would, but with an environment that is there already."""
    command = ["make", "build", f"VENV={VENV}", f"--old-file={VENV}/.ready", f"--old-file={VENV}/.have-uv"]
    done = subprocess.run(
        command,
        cwd=place,
        env={**{name: value for name, value in os.environ.items() if not name.startswith("MAKE")}, **environment},
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return read(place / "dist")


def read(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.suffix in {".whl", ".gz"}}


@pytest.fixture(scope="module")
def elsewhere(repository, tmp_path_factory):
    """A copy of the sources with other times and permissions, and much that does not belong to them."""
    place = tmp_path_factory.mktemp("elsewhere") / "a b"
    left_about = {".git", ".venv", ".matrix", ".demo", ".cache", "build", "dist", "site"}

    def ignored(directory, names):
        top = left_about & set(names) if Path(directory) == repository else set()
        return top | {name for name in names if name == "__pycache__" or name.startswith(".venv")}

    shutil.copytree(repository, place, ignore=ignored)
    for path in sorted(place.rglob("*")):
        executable = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o700 if executable else 0o600)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    for name in LITTER:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("not a part of it\n", encoding="utf-8")
    return place


def test_another_place_time_and_user_give_the_same_files(elsewhere, distributions):
    built = make_build(elsewhere, SOURCE_DATE_EPOCH="1234567890", TZ="Asia/Tokyo", PYTHONHASHSEED="7", LC_ALL="C")
    assert built == read(distributions)
    assert len(built) == 2, "what an older build has left must not be uploaded"


def test_the_sdist_builds_itself_and_the_same_wheel(sdist, distributions, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (sources,) = tmp_path.iterdir()
    assert make_build(sources) == read(distributions)
