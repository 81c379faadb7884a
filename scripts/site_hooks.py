"""What MkDocs is told besides mkdocs.yml: the files beside docs/ are pages of the site as well.

The documents link to each other as files of the repository, so that they work wherever it is shown. README, CHANGELOG
and the like are not in docs/, where MkDocs looks; here they are taken along, and links to and from them are turned
into links between pages. A link to anything else that the repository has leads there; one to nothing is left as it is,
and fails the strict build.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, Files, InclusionLevel

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

#: Files of the repository that are pages of the site, with their names there, if they exist.
TAKEN_ALONG = {
    "README.md": "readme.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
    "LICENSE": "license.txt",
}
#: Where everything else is.
REPOSITORY = "https://github.com/okta-mi-provider/okta-mi-provider/blob/main"
_ROOT = Path(__file__).resolve().parents[1]
_LINK = re.compile(r"(?P<head>\]\()(?P<path>(?![a-z]+:|#|/)[^)#\s]+)(?P<anchor>#[^)\s]*)?(?P<tail>\))")
_FENCE = re.compile(r"^(```.*?^```)$", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files beside docs/."""
    root = posixpath.dirname(config.config_file_path or "")
    for name, page in TAKEN_ALONG.items():
        path = posixpath.join(root, name)
        if posixpath.exists(path):
            # Those that the navigation names are in it all the same.
            files.append(File.generated(config, page, abs_src_path=path, inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turns links between files of the repository into links between pages, and lets messages be found first."""
    # Whoever searches for a message wants the page that is about messages.
    if page.file.src_uri == "troubleshooting.md":
        page.meta.setdefault("search", {})["boost"] = 5
    names = {page_name: name for name, page_name in TAKEN_ALONG.items()}
    place = page.file.src_uri
    at = posixpath.dirname(names.get(place) or f"docs/{place}")
    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _with_links(part, at, place) for part in parts)


def _with_links(markdown: str, at: str, place: str) -> str:
    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(at, found["path"]))
        inside = TAKEN_ALONG.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
        if inside is None:
            there = not target.startswith("..") and (_ROOT / target).exists()
            return f"{found['head']}{REPOSITORY}/{target}{found['anchor'] or ''}{found['tail']}" if there else found[0]
        path = posixpath.relpath(inside, posixpath.dirname(place) or ".")
        return f"{found['head']}{path}{found['anchor'] or ''}{found['tail']}"

    return _LINK.sub(link, markdown)
