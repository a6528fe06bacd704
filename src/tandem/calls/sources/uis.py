"""UIS and CoMagic: the Data API's report of calls, asked for every few minutes."""

from datetime import timedelta
from typing import Any

from tandem.base import clock
from tandem.base.errors import SourceError
from tandem.base.http import Http
from tandem.calls.model.call import CallFact, CallOutcome
from tandem.calls.sources.common import REGION, ZONE, FetchedCalls, moment, text, whole, zone_of
from tandem.connections.model import Connection, Field, Polled

FIELDS = (
    Field(name="token", label="API key", is_secret=True),
    Field(name="base", label="Address", is_required=False, is_address=True, default="https://dataapi.uiscom.ru"),
    REGION,
    ZONE,
)
NOTE = "Create a key with access to the Data API. Calls are fetched every five minutes."
WANTED = (
    "id",
    "start_time",
    "finish_time",
    "direction",
    "is_lost",
    "contact_phone_number",
    "virtual_phone_number",
    "talk_duration",
    "wait_duration",
    "total_duration",
    "tags",
    "last_answered_employee_full_name",
)
LIMIT, PAGES = 1000, 10


def fetch(connection: Connection, http: Http) -> tuple[FetchedCalls, Polled]:
    """Calls since an hour before the last poll, a thousand a page."""
    since = moment(str(connection.cursor.get("since") or (clock.now() - timedelta(days=30)).isoformat()))
    until = moment(str(connection.cursor.get("until") or clock.now().isoformat()))
    offset, facts = int(connection.cursor.get("offset", 0)), FetchedCalls()
    zone = zone_of(connection)
    for _ in range(PAGES):
        data = _asked(
            http, connection, since.isoformat(" ", "seconds")[:19], until.isoformat(" ", "seconds")[:19], offset
        )
        facts.read(data, lambda call: _fact(call, zone), "id")
        if len(data) < LIMIT:
            return facts, Polled(cursor={"since": (until - timedelta(hours=1)).isoformat()}, rows=len(facts))
        offset += LIMIT
    cursor = {"since": since.isoformat(), "until": until.isoformat(), "offset": offset}
    return facts, Polled(cursor=cursor, rows=len(facts), is_more=True)


def client(connection: Connection, allowed: str) -> Http:
    return Http("UIS", connection.setting("base", "https://dataapi.uiscom.ru"), per_second=2, allowed=allowed)


def _asked(http: Http, connection: Connection, since: str, until: str, offset: int) -> list[dict[str, Any]]:
    params = {
        "access_token": connection.setting("token"),
        "date_from": since,
        "date_till": until,
        "limit": LIMIT,
        "offset": offset,
        "fields": list(WANTED),
        "sort": [{"field": "start_time", "order": "asc"}],
    }
    reply = http.post("/v2.0", json={"jsonrpc": "2.0", "id": 1, "method": "get.calls_report", "params": params}).json()
    if "error" in reply:  # JSON-RPC errors come with status 200
        raise SourceError(
            "UIS", f"refused the report ({reply['error'].get('code')}). Check the key on the Connections page"
        )
    calls: list[dict[str, Any]] = reply["result"]["data"]
    return calls


def _fact(call: dict[str, Any], zone: str) -> CallFact:
    tags = call.get("tags") or []
    return CallFact(
        system="uis",
        ref=str(call["id"]),
        at=moment(str(call["start_time"]), zone),
        line=_plus(text(call, "virtual_phone_number")),
        caller=_plus(text(call, "contact_phone_number")),
        direction="out" if call.get("direction") == "out" else "in",
        outcome=CallOutcome.MISSED if call.get("is_lost") else CallOutcome.ANSWERED,
        talk_s=whole(call.get("talk_duration")),
        wait_s=whole(call.get("wait_duration")),
        operator=text(call, "last_answered_employee_full_name"),
        tag=str((tags[0] or {}).get("tag_name", ""))[:60] if tags else "",
    )


def _plus(number: str) -> str:
    """UIS writes numbers with their country code and without the plus."""
    return f"+{number}" if number.isdigit() and len(number) >= 11 else number
