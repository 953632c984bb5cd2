"""What the tests of pages look for in HTML."""

import html
import re
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Checker(HTMLParser):
    """Elements in balance, ids unique, links of all kinds, visible text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.images_without_words = 0
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        values = dict(attributes)
        self.ids += [values["id"]] if values.get("id") else []
        self.links += [
            value or "" for name, value in attributes if name in ("src", "href", "xlink:href", "srcset", "action")
        ]
        self.images_without_words += tag == "img" and not values.get("alt")
        self.images_without_words += tag == "svg" and not (values.get("aria-label") or values.get("aria-hidden"))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> in {self.open[-3:]} at {self.getpos()}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text.append(data)


def read(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    checker.close()
    return checker


def words(page: str) -> str:
    return re.sub(r"\s+", " ", " ".join(read(page).text))


def assert_sound(page: str) -> None:
    """Valid in itself, and it neither fetches nor runs anything."""
    checker = read(page)
    assert checker.problems == []
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    assert checker.images_without_words == 0
    anchors = {link[1:] for link in checker.links if link.startswith("#")} | set(re.findall(r"url\(#([^)]+)\)", page))
    assert anchors <= set(checker.ids)
    assert [link for link in checker.links if not link.startswith(("#", "data:"))] == []
    assert "script" not in checker.tags
    assert "@import" not in page
    assert re.findall(r"url\((?!#)", page) == []
    assert re.findall(r"https?://", page) == []
    assert "default-src 'none'" in html.unescape(page)
