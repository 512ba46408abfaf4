"""The tables of a page as plain values."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Cell:
    """A cell of a table: its attributes, its text, and the addresses that it leads to."""

    attributes: dict[str, str]
    text: str = ""
    links: list[str] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        return self.text.replace("−", "-").split()


class Tables(HTMLParser):
    """Cells of all tables by the `id` of the section that they stand in, and all ids of the page."""

    def __init__(self, page: str):
        super().__init__()
        self.cells: dict[str, list[Cell]] = {}
        self.ids: list[str] = []
        self.links: list[str] = []
        self._section, self._cell = "", None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "section":
            self._section = attributes.get("id", "")
        if tag == "td":
            self._cell = Cell(attributes)
            self.cells.setdefault(self._section, []).append(self._cell)
        if tag == "a":
            self.links.append(attributes["href"])
            if self._cell:
                self._cell.links.append(attributes["href"])
        if tag == "div" and self._cell:
            self._cell.text += " "

    def handle_endtag(self, tag):
        if tag == "td":
            self._cell = None
        if tag == "section":
            self._section = ""

    def handle_data(self, data):
        if self._cell:
            self._cell.text += data
