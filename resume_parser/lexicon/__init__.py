"""Word lists of five languages, read once per process from the .txt files beside this module.

A line `# name` opens a group, every other line is one entry. Entries are compared after `fold`.
"""

import re
from functools import cache
from importlib import resources

from resume_parser.text import fold


@cache
def groups(file_name: str) -> dict[str, tuple[str, ...]]:
    """Return the folded entries of each group of `file_name`, in the file's order."""
    found: dict[str, list[str]] = {}
    entries: list[str] = []
    text = resources.files(__package__).joinpath(file_name).read_text("utf-8")
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("#"):
            entries = found.setdefault(line.lstrip("# "), [])
        else:
            entries.append(fold(line))
    return {name: tuple(words) for name, words in found.items()}


@cache
def by_entry(file_name: str) -> dict[str, str]:
    """Return entry -> group, for exact look-ups."""
    return {word: name for name, words in groups(file_name).items() for word in words}


@cache
def pattern(file_name: str, group: str) -> re.Pattern[str]:
    """Return a pattern that finds any entry of the group as whole words in folded text."""
    words = sorted(groups(file_name)[group], key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(map(re.escape, words)) + r")\b")


def contains(text: str, file_name: str, group: str) -> bool:
    """True when `text` has an entry of the group among its words."""
    return pattern(file_name, group).search(fold(text)) is not None
