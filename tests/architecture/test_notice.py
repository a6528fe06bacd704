"""Licences of what is installed with the product: nothing that binds us, and whatever asks for it is named."""

import re
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKED = re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)


def licence(name: str) -> str:
    """What a library says of its licence; "" where it is not installed on this system."""
    try:
        found = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return ""
    told = [found.get("License-Expression") or (found.get("License") or "")[:80], *(found.get_all("Classifier") or [])]
    return " ".join(line for line in told if line and (line == told[0] or line.startswith("License")))


@pytest.mark.parametrize("name", LOCKED)
def test_licences_are_permissive_or_named(name: str) -> None:
    told = licence(name)
    assert not re.search(r"\bA?GPL|Affero|(?<!Lesser )General Public", told), told
    if re.search("LGPL|MPL|Mozilla|Lesser", told):
        assert re.search(rf"\b{re.escape(name)}\b", (ROOT / "NOTICE").read_text()), f"{name} is {told}"
