"""axe-core in the page: every rule of WCAG 2.2 A and AA that a program can check."""

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

SOURCE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
RUN = """async tags => (await axe.run(document, {runOnly: tags, resultTypes: ["violations"]})).violations.map(
  rule => `${rule.id}: ${rule.help}: ${rule.nodes.map(node => `${node.target} ${node.any.map(one => one.message).join("; ")}`).join(" | ")}`)"""


def violations(page: Page) -> Any:
    """One line for each rule that is broken, with where."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(SOURCE)
    return page.evaluate(RUN, TAGS)
