"""The site: complete, free of dead links, and content with what it has brought itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from scripts.pictures import ALL, LARGEST, SCENES
from tests.site.conftest import REPOSITORY

#: Attributes that make a browser load something. `a` is not among the elements: a link is followed by people.
LOADING = {"src", "srcset", "data", "poster", "background", "action"}
#: Links of the head that a browser follows by itself.
FOLLOWED = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "manifest"}


class Resources(HTMLParser):
    """What a page has the browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.classes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.classes.update(given.get("class", "").split())
        self.found += [value for name, value in given.items() if name in LOADING]
        self.found += re.findall(r"url\(([^)]*)\)", given.get("style", ""))
        if tag == "link" and FOLLOWED & set(given.get("rel", "").split()):
            self.found.append(given["href"])


def resources(page: Path) -> Resources:
    parser = Resources()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


def pages(site: Path) -> Iterator[Path]:
    return site.rglob("*.html")


def test_there_is_a_page_for_every_document(site: Path) -> None:
    documents = {path.relative_to(REPOSITORY / "docs").with_suffix(".html") for path in REPOSITORY.glob("docs/**/*.md")}
    built = {path.relative_to(site) for path in pages(site)}
    assert documents - built == set()
    assert built - documents >= {Path("readme.html"), Path("changelog.html")}


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for page in pages(site):
        found = resources(page)
        assert found.found, page
        for address in found.found:
            assert not urlsplit(address).netloc, f"{page.name} loads {address}"
            # 404.html is shown at any address, so it names what it needs from the top.
            at = site / address.lstrip("/") if page.name == "404.html" else page.parent / urlsplit(address).path
            assert at.exists(), f"{page.name} loads {address}"
        # Material fetches the program that draws them from another server.
        assert "mermaid" not in found.classes, page


def test_no_style_loads_anything_from_elsewhere(site: Path) -> None:
    styles = list(site.rglob("*.css"))
    assert styles
    for style in styles:
        loaded = re.findall(r"(?:url\(|@import )[\"']?([^\"')]+)", style.read_text(encoding="utf-8"))
        assert [each for each in loaded if urlsplit(each).netloc] == [], style


def test_links_between_files_of_the_repository_are_links_between_pages(site: Path) -> None:
    assert 'href="readme.html#install"' in (site / "coming-from-the-script.html").read_text(encoding="utf-8")
    assert 'href="options.html"' in (site / "readme.html").read_text(encoding="utf-8")


def test_every_picture_is_shown_and_none_is_large() -> None:
    texts = "".join(
        path.read_text(encoding="utf-8") for path in [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")]
    )
    pictures = list((REPOSITORY / "docs" / "pictures").iterdir())
    assert {each.stem for each in pictures} == set(SCENES)
    assert [each.name for each in pictures if f"pictures/{each.name})" not in texts] == []
    assert [each.name for each in pictures if each.stat().st_size > LARGEST] == []
    assert sum(each.stat().st_size for each in pictures) < ALL


def test_messages_can_be_searched_for(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    text = " ".join(entry["text"] for entry in index["docs"] if entry["location"].startswith("troubleshooting.html"))
    assert "Okta has no group named" in text
    assert "gives no session token for" in text
    # What Okta itself has said, and what somebody types who has read a message once.
    assert {"E0000006", "E0000007", "E0000011", "E0000015", "E0000047"} <= set(re.findall(r"E\d{7}", text))
    assert "There is no Airflow connection" in text


def test_what_commands_print_can_be_told_from_what_is_typed(site: Path) -> None:
    """The style sheet gives the former a smaller type, for its columns must not break."""
    style = (site / "stylesheets" / "site.css").read_text(encoding="utf-8")
    assert ".language-text" in style
    assert "h1#tutorial" in style
    tutorial = (site / "tutorial.html").read_text(encoding="utf-8")
    assert tutorial.count('<div class="language-text highlight">') >= 9
    assert '<h1 id="tutorial">' in tutorial


def test_dead_links_and_anchors_fail_the_build(tmp_path: Path) -> None:
    dead = ["[x](nowhere.md)", "[x](options.md#no-anchor)", "[x](../Nofile)", "![x](pictures/none.png)"]
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text("\n\n".join(["# Home", *dead]), encoding="utf-8")
    (docs / "options.md").write_text("# Settings\n", encoding="utf-8")
    config = {
        "INHERIT": str(REPOSITORY / "mkdocs.yml"),
        "hooks": [str(REPOSITORY / "scripts" / "site_hooks.py")],
        "nav": ["index.md", "options.md"],
        "extra_css": [],
    }
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(config), encoding="utf-8")

    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build"],
        cwd=tmp_path,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Aborted with 4 warnings in strict mode" in built.stdout + built.stderr.replace("'strict'", "strict")
    assert built.returncode == 1
