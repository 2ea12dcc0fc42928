#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the documentation as a site of static pages, and checks its links.

    build.py SOURCE-ROOT BUILD-ROOT OUTPUT [GI-DOCGEN GIR]

README.rst, CONTRIBUTING.rst, the how-tos, the manual pages and the internals
become one page each; with gi-docgen the API reference is below OUTPUT/api.  The
pages need nothing from other hosts.  A link to a page or to an anchor that does
not exist is an error.
"""
import html
import html.parser
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse

import docutils.core
import docutils.utils

HERE = pathlib.Path(__file__).resolve().parent
TITLES = {
    "Start": ["README.rst"],
    "How-tos": ["docs/howto-*.rst"],
    "Manual pages": ["man"],
    "Internals": ["CONTRIBUTING.rst", "docs/internals/*.rst",
                  "tests/README.rst"],
}


class Page:
    """One page: where it is, its source, and its HTML."""

    def __init__(self, output, source, name=None):
        self.output = output
        self.source = source
        self.name = name

    def read(self):
        settings = {
            "input_encoding": "utf-8",
            "output_encoding": "unicode",
            "embed_stylesheet": False,
            "stylesheet_path": "",
            "stylesheet": None,
            "initial_header_level": 2,
            "halt_level": docutils.utils.Reporter.ERROR_LEVEL,
            "report_level": docutils.utils.Reporter.WARNING_LEVEL,
            "syntax_highlight": "none",
            "toc_backlinks": False,
            "section_self_link": False,
        }
        parts = docutils.core.publish_parts(
            self.source.read_text(encoding="utf-8"),
            source_path=str(self.source), writer_name="html5",
            settings_overrides=settings)
        self.title = self.name or re.sub("<[^>]*>", "", parts["title"])
        self.heading = html.escape(self.name) if self.name else parts["title"]
        self.body = parts["body"]
        subtitle = parts["subtitle"]
        if subtitle:
            self.body = f"<p class=subtitle>{subtitle}</p>\n" + self.body


def find_pages(source, build):
    """The sections of the site, each with its pages."""
    sections = {}
    for title, patterns in TITLES.items():
        pages = []
        for pattern in patterns:
            if pattern == "man":
                for page in sorted((build / "docs/man").glob("*.[1-8]")):
                    pages.append(Page(
                        f"man/{page.name}.html",
                        build / "docs/man" / (page.stem + ".rst"),
                        f"{page.stem}({page.suffix[1:]})"))
                continue
            for path in sorted(source.glob(pattern)):
                name = path.relative_to(source).with_suffix(".html").as_posix()
                name = name.removeprefix("docs/")
                pages.append(Page("index.html" if name == "README.html"
                                  else name, path))
        sections[title] = pages
    return sections


def up_from(page):
    return "../" * page.output.count("/")


def link_names(page, pages, source):
    """Links the names of manual pages and of documents in the text."""
    targets = {}
    for other in pages:
        if other is page:
            continue
        href = up_from(page) + other.output
        if other.name:
            targets[other.name] = href
        else:
            targets[other.source.relative_to(source).as_posix()] = href
    names = "|".join(map(re.escape, sorted(targets, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![\w/.-])({names})(?![\w/-])")

    pieces = re.split(r"(<[^>]*>)", page.body)
    inside = 0
    for index, piece in enumerate(pieces):
        if re.match(r"<(a|pre)[\s>]", piece):
            inside += 1
        elif re.match(r"</(a|pre)>", piece):
            inside -= 1
        elif not inside and not piece.startswith("<"):
            pieces[index] = pattern.sub(
                lambda match: f'<a href="{targets[match.group(1)]}">'
                f"{match.group(1)}</a>", piece)
    page.body = "".join(pieces)


def navigation(page, sections, has_api):
    up = up_from(page)
    lines = []
    for title, pages in sections.items():
        lines.append(f"<h2>{html.escape(title)}</h2>\n<ul>")
        for other in pages:
            here = " aria-current=page" if other is page else ""
            name = "Overview" if title == "Start" else \
                html.escape(html.unescape(other.title))
            lines.append(f'<li><a href="{up}{other.output}"{here}>{name}</a>')
        if title == "Manual pages" and has_api:
            lines.append(f'<li><a href="{up}api/index.html">API reference</a>')
        lines.append("</ul>")
    return "\n".join(lines)


def write_page(page, sections, has_api, output):
    text = (HERE / "page.html").read_text(encoding="utf-8")
    for name, value in (("TITLE", html.escape(html.unescape(page.title))),
                        ("UP", up_from(page)),
                        ("NAVIGATION", navigation(page, sections, has_api)),
                        ("HEADING", page.heading),
                        ("BODY", page.body)):
        text = text.replace(f"@{name}@", value)
    path = output / page.output
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


class Links(html.parser.HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.links = []
        self.anchors = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors.update(attributes.get(name) for name in ("id", "name"))
        for name in ("href", "src"):
            if attributes.get(name):
                self.links.append(attributes[name])


def dead_links(output):
    """Links inside the site that lead nowhere, as texts."""
    pages = {path: Links(path) for path in sorted(output.rglob("*.html"))}
    dead = []
    count = 0
    for path, page in pages.items():
        for link in page.links:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            count += 1
            target = path
            if parts.path:
                target = (path.parent
                          / urllib.parse.unquote(parts.path)).resolve()
            where = path.relative_to(output)
            if not target.exists():
                dead.append(f"{where}: {link}: there is no such page")
            elif (parts.fragment and target in pages
                  and urllib.parse.unquote(parts.fragment)
                  not in pages[target].anchors):
                dead.append(f"{where}: {link}: there is no such anchor")
    print(f"{len(pages)} pages, {count} links, {len(dead)} dead")
    return dead


def main():
    source, build, output = (pathlib.Path(path).resolve()
                             for path in sys.argv[1:4])
    if output.exists():
        shutil.rmtree(output)
    output.mkdir(parents=True)

    sections = find_pages(source, build)
    pages = [page for section in sections.values() for page in section]
    for page in pages:
        page.read()
    has_api = len(sys.argv) > 5
    for page in pages:
        link_names(page, pages, source)
        write_page(page, sections, has_api, output)
    shutil.copy(HERE / "style.css", output)
    if has_api:
        subprocess.run(
            [sys.argv[4], "generate", "--quiet", "--no-namespace-dir",
             f"--config={HERE / 'api.toml'}", f"--output-dir={output / 'api'}",
             sys.argv[5]], check=True)

    dead = dead_links(output)
    print("\n".join(dead), file=sys.stderr)
    sys.exit(bool(dead))


main()
