"""What the command line asks for: a report read from a file of this machine, and made to count."""

from decimal import Decimal
from typing import Any

from tandem.accounts.model import Site
from tandem.ads import jobs, store
from tandem.ads.model import SYSTEMS
from tandem.ads.sources.report import AdHints
from tandem.base.errors import UserError
from tandem.base.texts import quantity, short_text
from tandem.core.context import Context
from tandem.core.operations import ProgressReporter
from tandem.imports.cells import ORDERS
from tandem.imports.uploads import named


def import_file(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
    """Read `args["file"]` into the site `args["site"]`; gives lines to print, and how many problems there were.

    raises   UserError when there is no such file, site or system
    """
    path, site = named(ctx, args)
    hints = hints_of(args)
    import_ = jobs.read_file(ctx, site, path, path.name, hints, tell=lambda rows: tell(0.0, f"{rows:,} rows read"))
    if import_.state == "refused":
        return {"lines": [p.said(path.name) for p in import_.problems], "problems": len(import_.problems)}
    if import_.state in store.COUNTING:
        return {"lines": [f"{path.name} has already been applied. Nothing was changed."], "problems": 0}
    return {"lines": _made_to_count(ctx, site, import_, args), "problems": 0}


def _made_to_count(ctx: Context, site: Site, import_: store.AdImport, args: dict[str, Any]) -> list[str]:
    outcomes = store.outcomes(ctx.database, site, import_, bool(args.get("force")))
    count = {what: sum(o.what == what for o in outcomes) for what in ("new", "replaced", "same", "kept")}
    cost = sum((o.day.cost for o in outcomes), Decimal(0))
    lines = [
        f"{SYSTEMS[import_.system]}, by {import_.level}: {quantity(import_.rows, 'row')}, "
        f"{quantity(len(outcomes), 'day')}, {cost:,.2f} {site.currency}.",
        f"Days: {count['new']} new, {count['replaced']} replaced, {count['same']} unchanged, {count['kept']} kept.",
        *(note.said(import_.file) for note in import_.notes),
    ]
    if args.get("dry_run"):
        store.drop(ctx, site, import_)
        return [*lines, "Nothing was changed: this was a dry run."]
    store.confirm(ctx, site, import_, is_forced=bool(args.get("force")))
    return lines


def hints_of(form: dict[str, Any]) -> AdHints:
    """What a person says about a file.

    raises   UserError when it does not fit
    """
    system, currency, order = (str(form.get(name) or "").strip() for name in ("system", "currency", "order"))
    if system and system not in SYSTEMS:
        raise UserError(
            "“%(value)s” is not an ad system.",
            "Use one of %(choices)s.",
            value=system[:40],
            choices=", ".join(SYSTEMS),
        )
    if currency and not (len(currency) == 3 and currency.isalpha() and currency.isascii()):
        raise UserError("“%(value)s” is not a currency.", "Use three letters, such as EUR.", value=currency[:40])
    if order not in ORDERS:
        raise UserError("There is no such order of day and month.", "Choose dmy or mdy.")
    account = short_text(str(form.get("account") or ""), "account")
    return AdHints(system=system, currency=currency.upper(), account=account, order=ORDERS[order])
