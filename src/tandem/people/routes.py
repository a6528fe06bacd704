"""Who they are: the list, a profile in time order, merges and their undoing, and the review of what is shared."""

from datetime import datetime, timedelta
from typing import Annotated, Any, NoReturn

import msgspec
from litestar import Request, Response
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.core.audit import note_act
from tandem.core.auth import Caller, site_for
from tandem.core.context import Context
from tandem.core.layout import render_page
from tandem.core.pages import get_page, post_form
from tandem.core.slice import TimelineEntry
from tandem.people import store
from tandem.people.model.identifier import Kind, read, region_of
from tandem.people.model.proof import VALID_S, Outcome
from tandem.people.store import Decision, Evidence, ShownIdentifier, hints, signing

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
MOST_MOMENTS = 500
KINDS = {
    "visitor": "Browser",
    "phone": "Phone",
    "email": "E-mail",
    "crm": "CRM record",
    "login": "Login",
}
ACTS = {
    "together": "Marked as the same person",
    "apart": "Marked as two different people",
    "glue": "Marked as belonging to one person",
    "shared": "Marked as shared",
}


WHY = {
    Outcome.UNSIGNED: "not signed",
    Outcome.WRONG: "wrong signature",
    Outcome.EXPIRED: "signature expired",
    Outcome.REPLAYED: "signature used in another browser",
    Outcome.NO_SECRET: "the site has no secret to sign with",
}
HINTS_DAYS = 30


class Day(msgspec.Struct, frozen=True):
    """What a person did on one day, the latest first."""

    day: datetime
    timeline: list[TimelineEntry]


@get_page("/people", "People", icon="users", group="Measure", may="profiles.read")
def page(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None, q: str = ""
) -> Response[Any]:
    chosen = site_for(ctx, caller, site)
    if q.strip():
        return _found(request, ctx, caller, chosen, q)
    return _list(request, ctx, caller, chosen)


def _list(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: Site, q: str = "", status: int = 200
) -> Response[str]:
    newest = store.newest_persons(ctx, site)
    nodes = [(node, kind) for new_person in newest for kind, node in new_person.identifiers if kind != Kind.VISITOR]
    return render_page(
        request,
        ctx,
        caller,
        "people/people.html",
        site=site,
        status=status,
        newest=newest,
        most_newest=store.MOST_NEWEST,
        known={identifier.node: identifier for identifier in store.values_of(ctx, site, nodes)},
        shared=store.shared_nodes(ctx, site),
        many=store.many_faced(ctx, site),
        kinds=KINDS,
        q=q,
        now=clock.now(),
        hexed=store.hexed,
    )


def _found(request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: Site, q: str) -> Response[Any]:
    """Leads to the person of what was typed. The text itself goes nowhere: only its keyed hash is looked for."""
    identifier = read(q, region_of(site))
    if identifier is not None:
        node = store.key_of(ctx, site, identifier)
        if identifier.kind == Kind.VISITOR or store.is_known(ctx, site, node):
            return Redirect(f"/people/{store.hexed(store.person_of(ctx, site, node))}", query_params={"site": site.key})
    return _list(request, ctx, caller, site, q, status=404)


@get_page("/people/{person:str}", "Person", may="profiles.read")
def profile(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, person: str, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    page = _profile(request, ctx, caller, chosen, person)
    note_act(ctx, caller, chosen, "profiles.opened", store.hexed(_node(person)))
    return page


def _profile(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: Site, person: str, is_open: bool = False
) -> Response[str]:
    number = store.person_of(ctx, site, _node(person))
    nodes = store.nodes_of(ctx, site, number)
    keys = [node for node, _ in nodes]
    timeline = sorted(
        (moment for s in ctx.slices for moment in s.timeline(ctx, site, keys)),
        key=lambda m: m.at,
        reverse=True,
    )
    decisions = store.decisions_of(ctx, site, keys)
    if not timeline and not decisions and not store.is_known(ctx, site, number):
        _nobody()
    evidence = store.evidence_of(ctx, site, keys)
    values = store.values_of(ctx, site, nodes, is_open)
    others = _others(ctx, site, evidence, keys)
    decided = _decided(decisions)
    return render_page(
        request,
        ctx,
        caller,
        "people/profile.html",
        site=site,
        person=number,
        known=values,
        names={k.node: k for k in [*values, *others]},
        days=_days(timeline[:MOST_MOMENTS], site),
        count=len(timeline),
        cut=len(timeline) > MOST_MOMENTS,
        most=MOST_MOMENTS,
        first=timeline[-1] if timeline else None,
        last=timeline[0] if timeline else None,
        evidence=evidence,
        unproved=[e for e in _to_settle(ctx, site, evidence, keys) if frozenset((e.a, e.b)) not in decided],
        hints=[
            hint
            for hint in hints.hints_of(ctx, site, keys, is_open)
            if frozenset((hint.visitor, hint.node)) not in decided
        ],
        why=WHY,
        moves=store.moves_of(ctx, site, keys),
        decisions=decisions,
        kinds=KINDS,
        acts=ACTS,
        is_open=is_open,
        now=clock.now(),
        hexed=store.hexed,
    )


def _to_settle(ctx: Context, site: Site, evidence: list[Evidence], keys: list[int]) -> list[Evidence]:
    """Evidence that somebody is to confirm: claims, and what a form says of two people who are known as two."""
    mine = set(keys)
    apart = [e for e in evidence if e.is_of_a_form and not {e.a, e.b} <= mine]
    shared = {one.node for one in store.shared_nodes(ctx, site)} if apart else set()
    return [e for e in evidence if not e.is_proved or (e in apart and not {e.a, e.b} & shared)]


def _decided(decisions: list[Decision]) -> set[frozenset[int]]:
    """The pairs that somebody has decided about: a claim about them waits for nobody any more."""
    return {frozenset((d.a, d.b)) for d in decisions if d.b_kind and d.undone_at is None}


def _others(ctx: Context, site: Site, evidence: list[Evidence], keys: list[int]) -> list[ShownIdentifier]:
    """The identifiers at the far end of evidence that is not believed."""
    ends = {(e.a, e.a_kind) for e in evidence} | {(e.b, e.b_kind) for e in evidence}
    return store.values_of(ctx, site, [end for end in sorted(ends) if end[0] not in set(keys)])


def _days(timeline: list[TimelineEntry], site: Site) -> list[Day]:
    days: dict[Any, list[TimelineEntry]] = {}
    for moment in timeline:
        days.setdefault(moment.at.astimezone(site.tz).date(), []).append(moment)
    return [Day(day, entries) for day, entries in days.items()]


def _node(text: str) -> int:
    try:
        return int(text, 16) if len(text) == 16 else _nobody()
    except ValueError:
        return _nobody()


def _nobody() -> NoReturn:
    raise UserError("There is no such person.", "Look for them on the People page.", status=404)


@post_form("/people/{person:str}/unmask", may="profiles.unmask")
def unmask(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, person: str, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    note_act(ctx, caller, chosen, "profiles.unmasked", store.hexed(_node(person)))
    return _profile(request, ctx, caller, chosen, person, is_open=True)


@post_form("/people/{person:str}/merge", may="profiles.edit")
def merge(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, person: str, data: Form, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    other = read(data.get("other", ""), region_of(chosen))
    if other is None:
        raise UserError(
            "This is not a phone number, e-mail address, browser or CRM record.",
            ("Enter a phone number with its country code, or an e-mail address."),
        ).at("other")
    node = store.key_of(ctx, chosen, other)
    if not store.is_known(ctx, chosen, node) and other.kind != Kind.VISITOR:
        raise UserError(
            "No person has this identifier.", ("Check it, or wait until data about this person arrives."), status=404
        ).at("other")
    mine = store.nodes_of(ctx, chosen, store.person_of(ctx, chosen, _node(person)))[0]
    store.decide(ctx, chosen, "together", mine, (node, str(other.kind)), caller.user_id)
    return _profile(request, ctx, caller, chosen, person)


@post_form("/people/{person:str}/take-off", may="profiles.edit")
def take_off(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, person: str, data: Form, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    mine = dict(store.nodes_of(ctx, chosen, store.person_of(ctx, chosen, _node(person))))
    node = _node(data.get("node", ""))
    if node not in mine:
        raise UserError("This person has no such identifier.", "Reload the page.", status=404)
    store.take_off(ctx, chosen, (node, mine[node]), caller.user_id)
    rest = next((n for n in mine if n != node), node)
    return _profile(request, ctx, caller, chosen, store.hexed(rest))


@post_form("/people/{person:str}/claims", may="profiles.edit")
def settle_claim(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, person: str, data: Form, site: str | None = None
) -> Response[str]:
    """Vouch for what nobody proved, or say that it is not true."""
    chosen = site_for(ctx, caller, site)
    if data.get("act") not in ("together", "apart"):
        raise UserError("There is no such decision.", "Reload the page.")
    browser, node = _node(data.get("browser", "")), _node(data.get("node", ""))
    hints.decide(ctx, chosen, data["act"], browser, node, caller.user_id)
    return _profile(request, ctx, caller, chosen, person)


@post_form("/people/decisions/{number:int}/undo", may="profiles.edit")
def undo(
    request: Request[Any, Any, Any],
    ctx: Context,
    caller: Caller,
    number: int,
    site: str | None = None,
    person: str = "",
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    store.undo(ctx, chosen, number, caller.user_id)
    return _profile(request, ctx, caller, chosen, person) if person else _list(request, ctx, caller, chosen)


@post_form("/people/shared/{node:str}", may="profiles.edit")
def allow(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, node: str, data: Form, site: str | None = None
) -> Response[str]:
    """One person's all the same (glue), or confirmed to be shared."""
    chosen = site_for(ctx, caller, site)
    kind = data.get("kind", "")
    if kind not in KINDS or data.get("act") not in ("glue", "shared"):
        raise UserError("There is no such decision.", "Reload the page.")
    store.decide(ctx, chosen, data["act"], (_node(node), kind), by=caller.user_id)
    return _list(request, ctx, caller, chosen)


# ── the secrets that sites sign with ──


@get_page("/people/signing", "Verify signed-in visitors", may="sites.edit")
def signing_page(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None
) -> Response[str]:
    return _signing(request, ctx, caller, site_for(ctx, caller, site))


def _signing(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: Site, made: str = ""
) -> Response[str]:
    return render_page(
        request,
        ctx,
        caller,
        "people/signing.html",
        site=site,
        made=made,
        secrets=signing.secrets_of(ctx, site),
        reasons=hints.reasons_of(ctx, site, clock.now() - timedelta(days=HINTS_DAYS)),
        why=WHY,
        minutes=VALID_S // 60,
        now=clock.now(),
    )


@post_form("/people/signing", may="sites.edit")
def make_secret(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    made = signing.make_secret(ctx, chosen, caller.user_id)
    return _signing(request, ctx, caller, chosen, made)


@post_form("/people/signing/{number:int}/retire", may="sites.edit")
def retire_secret(
    request: Request[Any, Any, Any], ctx: Context, caller: Caller, number: int, site: str | None = None
) -> Response[str]:
    chosen = site_for(ctx, caller, site)
    signing.retire_secret(ctx, chosen, number, caller.user_id)
    return _signing(request, ctx, caller, chosen)


ROUTES = [
    page, profile, unmask, merge, take_off, settle_claim, undo, allow, signing_page, make_secret, retire_secret,
]  # fmt: skip
