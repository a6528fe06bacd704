"""What the command line may ask of a running server, or carries out itself when none runs on the data folder."""

from typing import Any

from tandem import __version__
from tandem.ads import intake as ads
from tandem.app import close_house, open_house
from tandem.base.settings import Settings
from tandem.calls import intake as calls
from tandem.collect import healing
from tandem.core.context import House
from tandem.keep import backup, control, doctor, erase, export
from tandem.keep.control import Command, Tell


def ping(house: House, args: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """That somebody is there, and which version."""
    return {"version": __version__}


def heal(house: House, args: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Derive visits again with the rules and goals of now, on one site or on all; a stopped healing goes on."""
    site = erase.site_of(house, args.get("site") or "")
    house.forget_sites()
    sites = [site] if site else list(house.sites().values())
    done = {}
    for number, one in enumerate(sites):
        if not args.get("again") and healing.is_healed(house.database, one):
            done[one.key] = "was up to date"
            continue

        def tell_one(share: float, number: int = number, key: str = one.key) -> None:
            tell((number + share) / len(sites), f"healing {key}")

        healing.heal(house, one, tell_one)
        done[one.key] = "healed"
    return {"sites": done}


COMMANDS: dict[str, Command] = {
    "ping": ping,
    "backup": backup.backup,
    "doctor": doctor.examine_house,
    "erase": erase.erase,
    "erase_preview": erase.preview,
    "export": export.export,
    "heal": heal,
    "import_ads": ads.import_file,
    "import_calls": calls.import_file,
}


def carry_out(settings: Settings, name: str, args: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """What came out of a command: the running server does it, or else this process with the stores in its own hands.

    raises   UserError with what went wrong, wherever it went wrong
    """
    server = control.find(settings.folder)
    if server is not None:
        return control.ask(server, name, args, tell)
    house = open_house(settings)
    try:
        return COMMANDS[name](house, args, tell)
    finally:
        close_house(house)
