"""Write ``src/bascule/fix/data`` from the FIX dictionaries that QuickFIX publishes.

    git clone https://github.com/quickfix/quickfix && git -C quickfix checkout 5078718
    python tools/compile_fix.py quickfix/spec

The source is named, with its licence, in ``NOTICE``. One file is written for each version, of lines
that ``bascule.fix.dictionary`` reads: what every field is, and what may stand in each message.
"""

import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

COMMIT = "50787185808d5c63b3b16069b06c1411dff6a42a"
DATA = Path(__file__).resolve().parents[1] / "src/bascule/fix/data"
VERSIONS = {
    "FIX40": "FIX.4.0",
    "FIX41": "FIX.4.1",
    "FIX42": "FIX.4.2",
    "FIX43": "FIX.4.3",
    "FIX44": "FIX.4.4",
    "FIXT11": "FIXT.1.1",
    "FIX50": "FIX.5.0",
    "FIX50SP1": "FIX.5.0SP1",
    "FIX50SP2": "FIX.5.0SP2",
}
ANY_VALUE = "*"


class Compiler:
    """One dictionary, read."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._root = ET.parse(source).getroot()
        fields = self._section("fields")
        self._tags = {field.attrib["name"]: int(field.attrib["number"]) for field in fields}

    def lines(self) -> Iterator[str]:
        """Give the lines of the file."""
        yield f"# From {self._source.name} of QuickFIX at {COMMIT[:7]} by tools/compile_fix.py."
        yield "# QuickFIX Software License, see NOTICE."
        yield "[fields]"
        for field in sorted(self._section("fields"), key=lambda one: int(one.attrib["number"])):
            yield self._field(field)
        yield "[components]"
        for component in self._section("components"):
            yield f"{component.attrib['name']} {self._items(component)}".strip()
        yield "[header]"
        yield self._items(self._section("header"))
        yield "[trailer]"
        yield self._items(self._section("trailer"))
        yield "[messages]"
        for message in self._section("messages"):
            of = message.attrib
            head = f"{of['msgtype']} {of['msgcat']} {of['name']}"
            yield f"{head} {self._items(message)}".strip()

    def _section(self, name: str) -> ET.Element:
        found = self._root.find(name)
        return ET.Element(name) if found is None else found

    def _field(self, field: ET.Element) -> str:
        kind = field.attrib["type"]
        if kind == "CHAR" and self._source.stem in ("FIX40", "FIX41"):
            kind = "STRING"  # a char could be longer before 4.2
        values = [
            # 4.1 and 4.2 list one value in words: it stands for any.
            f"{ANY_VALUE if ' ' in of['enum'] else of['enum']}={of.get('description', '')}"
            for of in (value.attrib for value in field)
        ]
        return " ".join((field.attrib["number"], field.attrib["name"], kind, *values))

    def _items(self, block: ET.Element) -> str:
        return " ".join(self._item(item) for item in block)

    def _item(self, item: ET.Element) -> str:
        required = "!" if item.attrib.get("required") == "Y" else ""
        name = item.attrib["name"]
        if item.tag == "component":
            return f"{name}{required}"
        if item.tag == "group":
            return f"{self._tags[name]}{required}{{ {self._items(item)} }}"
        return f"{self._tags[name]}{required}"


def main(arguments: list[str]) -> int:
    """Compile every version in the folder given."""
    if len(arguments) != 1:
        sys.stderr.write(__doc__ or "")
        return 2
    DATA.mkdir(exist_ok=True)
    for source, version in VERSIONS.items():
        compiler = Compiler(Path(arguments[0]) / f"{source}.xml")
        text = "\n".join(compiler.lines()) + "\n"
        (DATA / f"{version}.txt").write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
