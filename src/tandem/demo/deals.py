"""What became of enquiries: leads of forms, calls and fairs, their deals, and who let them wait.

The CRM's records say whose browser or phone they are of; where they came from, the store of deals must find out itself.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from secrets import token_urlsafe
from typing import Any, NamedTuple

import msgspec
import numpy as np

from tandem.accounts.model import Site
from tandem.calls.model.call import CallFact
from tandem.connections import store as connections
from tandem.core.context import Context
from tandem.crm import jobs as crm_jobs
from tandem.crm import store as crm
from tandem.crm.model.deal import DealFact, StageKind, Was
from tandem.crm.model.mapping import HISTORY_FIELD, STAGE_KIND_FIELD
from tandem.demo.columns import Rng
from tandem.demo.truth import DealsTruth, LeadTruth
from tandem.people import store as people
from tandem.rates import store as rates
from tandem.rates.model import Rate

SYSTEM = "webhook"
MANY, GOOD = "prospecting_balcony", "search_plants"
"""The campaign that brings many leads of which few are any good, and the one that brings few of which most are."""
FORMS = {"Paid Search": 0.010, "Organic Search": 0.008, "Direct": 0.006}
"""Share of visits that ask for a planting project by the form, by channel; planted, as all below."""
SELDOM = 0.004
FORMS_OF = {MANY: 0.09, GOOD: 0.02}
QUALIFIED = {MANY: 0.08, GOOD: 0.85}
USUALLY, WON = 0.45, 0.5
OF_CALLS = 0.4
"""Share of answered calls that become leads."""
PLN_SHARE, COSTED, REFUNDED = 0.3, 0.85, 0.05
IGNORED, FORGOTTEN = 0.04, 0.06
"""Share of leads that nobody ever touched, and of deals that nobody moved again after the offer."""
SLOW = "Kuba"
"""Leaves every third lead until the next day."""
TEAM = ("Ada", SLOW)
PROMPT = timedelta(minutes=30)
STILL = timedelta(days=14)
BACK, AHEAD = timedelta(days=90), timedelta(minutes=10)
AGAIN_AND_AGAIN = 6
"""Leads of the last days that somebody typed in once more, with the phone written otherwise."""
REASONS = ("Too far away", "No budget", "Only asked for a price")
SPELLINGS = ("+48{0}", "+48 {1} {2} {3}", "0048 {1} {2} {3}", "+48-{1}-{2}-{3}", "+48 ({1}) {2}-{3}")


class Enquiry(NamedTuple):
    """Somebody asks. Visitor 0: nobody knows of which browser; `campaign` decides how good the lead is."""

    at: datetime
    how: str
    visitor: int
    phone: str
    campaign: str
    again: int = 0


class Rang(NamedTuple):
    """A call with the browser of its caller, and the campaign that brought them."""

    fact: CallFact
    visitor: int
    campaign: str


class Phones:
    """One invented mobile number for each browser."""

    def __init__(self) -> None:
        self._of: dict[int, str] = {}

    def of(self, visitor: int) -> str:
        return self._of.setdefault(visitor, f"+4860{len(self._of):07d}")


def seed_deals(
    ctx: Context, site: Site, seed: int, until: datetime, visits: Sequence[Mapping[str, Any]],
    calls: Sequence[Rang], phones: Phones,
) -> DealsTruth:  # fmt: skip
    """Records of a CRM for these visits and calls; returns the truth about them.

    visits   in the order of time
    """
    rng = np.random.default_rng([seed, 73])
    days = [until.date() - timedelta(days=n) for n in range(140)]
    price = {on: _per_euro(on) for on in days}
    rates.keep(ctx.database, [Rate(on=on, currency="PLN", per_eur=p, source="demo") for on, p in price.items()])
    enquiries = [*_forms(rng, visits, phones, until), *_phoned(rng, calls)]
    enquiries = _typed_again(_once_each(enquiries), until)
    facts = _records(rng, enquiries, until, site) + _trade(rng, visits, until)
    _tell(ctx, site, facts)
    people.stitch_all(ctx, site)
    crm.derive_again(ctx, site)  # what was typed in again is of somebody whose browser is known by now
    return _truth(site, facts, visits, price, until)


def _tell(ctx: Context, site: Site, facts: Sequence[DealFact]) -> None:
    """Connect a CRM that speaks by signed webhooks, and take what it has told so far."""
    webhook = next(one for one in crm_jobs.SYSTEMS if one.id == SYSTEM)
    connection = connections.add(ctx, site, webhook, "Fern's own CRM", {"secret": token_urlsafe(24)})
    crm_jobs.keep(ctx, site, connection, [_raw(fact) for fact in facts])


def _raw(fact: DealFact) -> dict[str, Any]:
    raw = {
        name: value for name, value in msgspec.to_builtins(fact).items() if name not in ("system", "history") and value
    }
    raw["source"] = raw.pop("source_text", "")
    raw["client_id"] = raw.pop("client", "")
    raw[STAGE_KIND_FIELD] = raw.pop("stage_kind")
    raw[HISTORY_FIELD] = [(was.at.isoformat(), was.stage, was.stage_kind) for was in fact.history]
    return raw


def _per_euro(on: date) -> Decimal:
    return Decimal("4.25") + Decimal(on.toordinal() * 37 % 41 - 20) / 1000


# ── who asks ──


def _forms(rng: Rng, visits: Sequence[Mapping[str, Any]], phones: Phones, until: datetime) -> list[Enquiry]:
    share = np.array([FORMS_OF.get(v["campaign"], FORMS.get(v["channel"], SELDOM)) for v in visits])
    enquiries = []
    for place in np.flatnonzero(_drawn(rng, share, [v["campaign"] for v in visits])).tolist():
        visit = visits[place]
        start, end = visit["at"], visit["ended"]
        at = start + (end - start) * float(rng.uniform(0.4, 1.0))
        if at < until:
            enquiries.append(Enquiry(at, "form", visit["visitor"], phones.of(visit["visitor"]), visit["campaign"]))
    return enquiries


def _drawn(rng: Rng, share: Any, groups: Sequence[str]) -> Any:
    """Which are drawn, each with its chance; in each group as many as its chances promise, to within one."""
    number = {group: n for n, group in enumerate(sorted(set(groups)))}
    group = np.array([number[g] for g in groups], np.int64)
    chosen = np.zeros(len(groups), np.bool_)
    for n in range(len(number)):
        mine = np.flatnonzero(group == n)
        reached = np.floor(np.cumsum(share[mine]) + rng.random())
        chosen[mine] = np.diff(reached, prepend=0) > 0
    return chosen


def _phoned(rng: Rng, calls: Sequence[Rang]) -> list[Enquiry]:
    return [
        Enquiry(rang.fact.at, "phone", rang.visitor, rang.fact.caller, rang.campaign)
        for rang in calls
        if rang.fact.talk_s and rng.random() < OF_CALLS
    ]


def _once_each(enquiries: Sequence[Enquiry]) -> list[Enquiry]:
    """The first enquiry of each phone, in order of time."""
    first: dict[str, Enquiry] = {}
    for enquiry in sorted(enquiries):
        first.setdefault(enquiry.phone, enquiry)
    return list(first.values())


def _typed_again(enquiries: list[Enquiry], until: datetime) -> list[Enquiry]:
    fresh = [n for n, e in enumerate(enquiries) if until - timedelta(days=6) < e.at < until - timedelta(days=1)]
    twice = fresh[-AGAIN_AND_AGAIN:]
    marked = [e._replace(again=1) if n in twice else e for n, e in enumerate(enquiries)]
    more = [enquiries[n]._replace(at=enquiries[n].at + timedelta(hours=3), visitor=0, again=2) for n in twice]
    return sorted([*marked, *more])


# ── what becomes of it ──


def _records(rng: Rng, enquiries: Sequence[Enquiry], until: datetime, site: Site) -> list[DealFact]:
    good = _drawn(
        rng, np.array([QUALIFIED.get(e.campaign, USUALLY) for e in enquiries]), [e.campaign for e in enquiries]
    )
    facts: list[DealFact] = []
    for number, (enquiry, is_good) in enumerate(zip(enquiries, good.tolist(), strict=True)):
        who = _who(rng, number, enquiry)
        steps = _lead_steps(rng, number, enquiry, is_good, site)
        facts.append(_fact(f"L-{number}", "lead", steps, until, **who))
        if steps[-1].stage == "Converted" and steps[-1].at < until:
            facts.append(_deal(rng, f"D-{number}", steps[-1].at, until, (4, 90), parent=f"L-{number}", **who))
    return facts


def cookie_of(visitor: int) -> str:
    """The cookie of a browser as the shop's forms send it; when it was made is nobody's question here."""
    return f"{people.hexed(visitor)}.t5zk9a"


def _who(rng: Rng, number: int, enquiry: Enquiry) -> dict[str, Any]:
    bare = enquiry.phone.removeprefix("+48")
    spelling = SPELLINGS[(number + enquiry.again) % len(SPELLINGS)]
    is_form = enquiry.how == "form" and enquiry.again != 2
    return {
        "phones": (spelling.format(bare, bare[:3], bare[3:6], bare[6:]),),
        "emails": (f"guest{bare}@mail.example",) if is_form and rng.random() < 0.9 else (),
        "client": cookie_of(enquiry.visitor) if is_form and enquiry.visitor else "",
        "source_text": {"form": "Form", "phone": "Phone"}[enquiry.how] if enquiry.again != 2 else "E-mail",
        "responsible": TEAM[number % 2],
        "pipeline": "Projects",
    }


def _lead_steps(rng: Rng, number: int, enquiry: Enquiry, is_good: bool, site: Site) -> list[Was]:
    steps = [Was(at=enquiry.at, stage="New", stage_kind=StageKind.OPEN)]
    if rng.random() < IGNORED and not enquiry.again:
        return steps
    touched = _touched(rng, number, enquiry.at, site)
    steps.append(Was(at=touched, stage="Contacted", stage_kind=StageKind.OPEN))
    if enquiry.again:
        return steps
    decided = touched + timedelta(hours=float(rng.uniform(2, 60)))
    last = ("Converted", StageKind.WON) if is_good else ("Not a fit", StageKind.LOST)
    return [*steps, Was(at=decided, stage=last[0], stage_kind=last[1])]


def _touched(rng: Rng, number: int, at: datetime, site: Site) -> datetime:
    """When somebody first called back: within minutes by day, in the morning after a night, too late now and then."""
    local = at.astimezone(site.tz)
    is_slow = TEAM[number % 2] == SLOW and rng.random() < 1 / 3
    if 8 <= local.hour < 22 and not is_slow:
        return at + timedelta(minutes=float(rng.uniform(3, 26)))
    morning = local.date() + timedelta(days=int(local.hour >= 8))
    opens = datetime.combine(morning, time(8), tzinfo=site.tz)
    return opens.astimezone(UTC) + timedelta(minutes=float(rng.uniform(5, 180)))


def _deal(rng: Rng, ref: str, at: datetime, until: datetime, until_offer: tuple[float, float], **who: Any) -> DealFact:
    """A deal that began at that moment; `until_offer` are hours, at least and at most."""
    offered = at + timedelta(hours=float(rng.uniform(*until_offer)))
    decided = offered + timedelta(hours=float(rng.uniform(20, 150)))
    is_won, is_forgotten = rng.random() < WON, rng.random() < FORGOTTEN
    amount = Decimal(str(round(480 * float(rng.lognormal(0, 0.5)), 2)))
    currency = "PLN" if rng.random() < PLN_SHARE else "EUR"
    if currency == "PLN":
        amount *= 4
    back = Decimal(str(round(float(rng.uniform(0.2, 0.8)), 2)))
    is_refunded, is_costed = rng.random() < REFUNDED, rng.random() < COSTED
    cost = (amount * Decimal(str(round(float(rng.uniform(0.5, 0.7)), 2)))).quantize(Decimal("0.01"))
    steps = [
        Was(at=at, stage="Measuring", stage_kind=StageKind.OPEN),
        Was(at=offered, stage="Offer", stage_kind=StageKind.QUALIFIED),
    ]
    if not is_forgotten:
        end = ("Won", StageKind.WON) if is_won else ("Lost", StageKind.LOST)
        steps.append(Was(at=decided, stage=end[0], stage_kind=end[1]))
    has_won = steps[-1].stage == "Won" and decided < until
    return _fact(
        ref, "deal", steps, until, amount=amount, currency=currency, cost=cost if is_costed else None,
        refunded=(amount * back).quantize(Decimal("0.01")) if has_won and is_refunded else Decimal(0), **who,
    )  # fmt: skip


def _fact(ref: str, kind: str, steps: Sequence[Was], until: datetime, **fields: Any) -> DealFact:
    """A record as it stands at the end, with the stages that it has been in."""
    *before, now = [step for step in steps if step.at < until]
    is_over = now.stage_kind in (StageKind.WON, StageKind.LOST)
    return DealFact(
        system=SYSTEM, id=ref, kind=kind, created_at=steps[0].at, updated_at=now.at, moved_at=now.at, stage=now.stage,
        stage_kind=now.stage_kind, history=tuple(before), closed_at=now.at if is_over else None,
        lost_reason=REASONS[len(before) * 7 % 3] if now.stage_kind == StageKind.LOST else "", **fields,
    )  # fmt: skip


def _trade(rng: Rng, visits: Sequence[Mapping[str, Any]], until: datetime) -> list[DealFact]:
    """Shops and gardeners met at fairs: deals without a lead, of which nothing tells where they came from."""
    at, end = visits[0]["at"], until - timedelta(hours=6)
    facts: list[DealFact] = []
    while (at := at + timedelta(hours=float(rng.uniform(30, 66)))) < end:
        ref = f"T-{len(facts)}"
        facts.append(_deal(
            rng, ref, at, until, (0.1, 0.4), contact=ref, emails=(f"shop{len(facts)}@trade.example",),
            source_text="Fair", responsible="Ola", pipeline="Trade",
        ))  # fmt: skip
    return facts


# ── the truth ──


def _truth(
    site: Site, facts: Sequence[DealFact], visits: Sequence[Mapping[str, Any]], price: Mapping[date, Decimal],
    until: datetime,
) -> DealsTruth:  # fmt: skip
    leads = [f for f in facts if not f.parent]
    deals = [f for f in facts if f.kind == "deal"]
    won = [f for f in deals if f.stage_kind == StageKind.WON]
    worth = {f.id: _worth(f, site, price) for f in won}
    waits = {f.id: _wait(f) for f in leads}
    open_ = [f for f in facts if f.stage_kind in (StageKind.OPEN, StageKind.QUALIFIED)]
    alike = Counter((f.kind, _plain(f)) for f in open_ if not f.parent and f.phones)
    return DealsTruth(
        leads=len(leads), qualified=sum(map(_is_qualified, leads)), deals=len(deals), won=len(won),
        lost=sum(f.stage_kind == StageKind.LOST for f in deals), sourceless=sum(f.pipeline == "Trade" for f in leads),
        revenue=sum((w[0] - w[1] for w in worth.values()), Decimal(0)),
        refunded=sum((w[1] for w in worth.values()), Decimal(0)),
        margin=sum((w[0] - w[1] - w[2] for w in worth.values() if w[2] is not None), Decimal(0)),
        late=dict(Counter(f.responsible for f in leads if (wait := waits[f.id]) is None or wait > PROMPT)),
        untouched=sum(f.stage_kind == StageKind.OPEN and waits[f.id] is None and f.created_at < until - PROMPT * 2
                      for f in leads),
        still=sum(f.updated_at < until - STILL for f in open_),
        duplicates=sum(count for count in alike.values() if count > 1),
        campaigns=_by_campaign(facts, visits, worth), many=MANY, good=GOOD,
    )  # fmt: skip


def _wait(fact: DealFact) -> timedelta | None:
    """How long until it first moved; None when it never did."""
    stages = sorted([*((w.at, w.stage) for w in fact.history), (fact.updated_at, fact.stage)])
    return next((at - fact.created_at for at, stage in stages if stage != stages[0][1]), None)


def _is_qualified(fact: DealFact) -> bool:
    means = {fact.stage_kind, *(was.stage_kind for was in fact.history)}
    return bool(means & {StageKind.QUALIFIED, StageKind.WON})


def _plain(fact: DealFact) -> str:
    return "".join(c for c in fact.phones[0] if c.isdigit())[-9:] if fact.phones else ""


def _worth(fact: DealFact, site: Site, price: Mapping[date, Decimal]) -> tuple[Decimal, Decimal, Decimal | None]:
    """Amount, refund and cost in the site's currency, by the day of closing."""
    if fact.closed_at is None or fact.amount is None:
        raise RuntimeError("A won deal of the demo has no end or no amount.")
    by = price[fact.closed_at.astimezone(site.tz).date()] if fact.currency == "PLN" else Decimal(1)

    def euro(amount: Decimal) -> Decimal:
        return (amount / by).quantize(Decimal("0.0001"), ROUND_HALF_EVEN)

    return euro(fact.amount), euro(fact.refunded), None if fact.cost is None else euro(fact.cost)


def _by_campaign(
    facts: Sequence[DealFact], visits: Sequence[Mapping[str, Any]], worth: Mapping[str, tuple[Any, ...]]
) -> dict[str, LeadTruth]:
    """Of records whose browser is known: by the campaign of its last visit before, other than a direct one."""
    paths: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    asked = {fact.client for fact in facts if fact.client}
    for visit in visits:
        if visit["channel"] != "Direct" and (browser := cookie_of(visit["visitor"])) in asked:
            paths[browser].append((visit["at"], visit["campaign"]))
    by_campaign: dict[str, LeadTruth] = {}
    for fact in facts:
        span = (fact.created_at - BACK, fact.created_at + AHEAD)
        before = [campaign for at, campaign in paths.get(fact.client, []) if span[0] < at <= span[1]]
        if not before:
            continue
        was = by_campaign.get(
            before[-1], LeadTruth(campaign=before[-1], leads=0, qualified=0, won=0, revenue=Decimal(0))
        )
        money = worth.get(fact.id, (Decimal(0), Decimal(0)))
        by_campaign[before[-1]] = LeadTruth(
            campaign=before[-1], leads=was.leads + (not fact.parent),
            qualified=was.qualified + (not fact.parent and _is_qualified(fact)), won=was.won + (fact.id in worth),
            revenue=was.revenue + money[0] - money[1],
        )  # fmt: skip
    return by_campaign
