"""Asterisk and FreePBX: the manager interface (AMI) as it speaks, and call detail records (CDR) as CSV."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from tandem.base.errors import UserError
from tandem.calls.model.call import CallFact, CallOutcome
from tandem.calls.sources.common import moment, text, unix, whole
from tandem.imports import headers
from tandem.imports.problem import Problem, from_error

MASTER = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer",
    "end", "duration", "billsec", "disposition", "amaflags",
)  # fmt: skip
"""The columns that each Master.csv has, which has no header. Behind them stand those that cdr.conf switches on:
uniqueid (loguniqueid), userfield (loguserfield), and the three of newcdrcolumns, in this order."""
NEW_COLUMNS = ("peeraccount", "linkedid", "sequence")
_UNIQUE_ID = re.compile(r"(?:.*-)?\d{9,11}\.\d+")
OUTCOMES = {
    "ANSWERED": CallOutcome.ANSWERED, "NO ANSWER": CallOutcome.MISSED, "BUSY": CallOutcome.BUSY,
    "FAILED": CallOutcome.FAILED, "CONGESTION": CallOutcome.FAILED,
}  # fmt: skip
MOST_BYTES = 1 << 20
LONGEST_EXTENSION = 5

Message = dict[str, str]


# ── the manager interface ──


class Parser:
    """Messages out of a byte stream that may be cut anywhere: blocks of `Key: Value`, ended by an empty line."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are whole now.

        raises   UserError when a message grows beyond a megabyte: this is no manager interface
        """
        self._rest += data
        *blocks, self._rest = self._rest.replace(b"\r\n", b"\n").split(b"\n\n")
        if len(self._rest) > MOST_BYTES:
            raise UserError(
                "The server does not send manager events.", ("Check host and port. The manager's port is 5038.")
            )
        return [message for block in blocks if (message := _message(block))]


def _message(block: bytes) -> Message:
    lines = block.decode("utf-8", "replace").split("\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def action(name: str, **fields: str) -> bytes:
    """One action as the manager takes it. Line ends inside values would make more actions: they are taken out."""
    lines = [f"Action: {name}", *(f"{k}: {v}" for k, v in fields.items())]
    return "\r\n".join(line.replace("\r", "").replace("\n", "") for line in lines).encode() + b"\r\n\r\n"


def login(user: str, secret: str, challenge: str) -> bytes:
    """The answer to a challenge, so that the secret itself never travels."""
    key = hashlib.md5((challenge + secret).encode(), usedforsecurity=False).hexdigest()
    return action("Login", AuthType="MD5", Username=user, Key=key, Events="call,cdr")


class Watch:
    """What the manager's events say of calls. Legs of one call share Linkedid; the first trunk leg names our number."""

    def __init__(self, trunks: str = "") -> None:
        self._contexts = {context.strip() for context in trunks.split(",") if context.strip()}
        self._began: dict[str, datetime] = {}

    def facts(self, event: Message, now: datetime) -> list[CallFact]:
        """The facts of one event; most say nothing of calls from outside."""
        name, ref = event.get("Event", ""), event.get("Linkedid") or event.get("Uniqueid", "")
        if not ref:
            return []
        if name == "Newchannel" and event.get("Uniqueid") == ref and self._is_trunk(event):
            self._began[ref] = _began(ref) or now
            return [self._fact(ref, now, line=event.get("Exten", ""), caller=event.get("CallerIDNum", ""))]
        if ref not in self._began:
            return self._of_record(event) if name == "Cdr" else []
        if name == "DialEnd" and event.get("DialStatus") == "ANSWER":
            waited = int((now - self._began[ref]).total_seconds())
            operator = event.get("DestCallerIDNum", "")
            return [self._fact(ref, now, outcome=CallOutcome.ANSWERED, wait_s=waited, operator=operator)]
        if name == "Hangup" and event.get("Uniqueid") == ref:
            fact = self._fact(ref, now, outcome=CallOutcome.BUSY if event.get("Cause") == "17" else CallOutcome.MISSED)
            self._began.pop(ref)
            return [fact]
        return self._of_record(event) if name == "Cdr" else []

    def _is_trunk(self, event: Message) -> bool:
        return event.get("Exten", "") not in ("", "s") and (
            not self._contexts or event.get("Context", "") in self._contexts
        )

    def _fact(self, ref: str, now: datetime, **facts: Any) -> CallFact:
        return CallFact(system="asterisk", ref=ref, at=self._began.get(ref, now), **facts)

    def _of_record(self, event: Message) -> list[CallFact]:
        """The event Cdr, where it is switched on; it names our number only if cdr_manager.conf maps CDR(did)."""
        row = {key.lower(): value for key, value in event.items()}
        if not row.get("uniqueid") or not row.get("starttime"):
            return []
        call_fact = _fact(row | {"start": row["starttime"]}, "UTC")
        return [call_fact] if call_fact else []


def _began(ref: str) -> datetime | None:
    """A unique id begins with the second in which its call began."""
    seconds = ref.rpartition("-")[2].partition(".")[0]
    try:
        return unix(seconds) if seconds.isdecimal() and len(seconds) == 10 else None
    except UserError:  # a number of another kind
        return None


# ── call detail records ──


def records(rows: Iterable[tuple[int, list[str]]], zone: str = "UTC") -> Iterator[CallFact | Problem | None]:
    """The calls of a CDR file, row by row: Master.csv, or an export of asteriskcdrdb with a header.

    Several rows may be of one call (queues, transfers); they share linkedid, and are joined when stored.

    returns  a problem with its line for a row that cannot be read, None for one between extensions
    raises   UserError when the header lacks what a call is known by
    """
    head: tuple[str, ...] = ()
    for line, row in rows:
        if not any(row):
            continue
        if not head and (head := _head(row)):
            continue
        names, cells = head or _master(row), ("" if cell in ("NULL", "\\N") else cell for cell in row)
        try:
            if len(row) < len(names):
                raise UserError(
                    "There are %(found)s columns instead of %(wanted)s.", "Export the table cdr with its header.",
                    found=len(row), wanted=len(names),
                )  # fmt: skip
            yield _fact(dict(zip(names, cells, strict=False)), zone)
        except UserError as error:
            yield from_error(error, line)


def _master(row: list[str]) -> tuple[str, ...]:
    """The names of the columns of a row of Master.csv, by how many there are; one alone is an id if it looks so."""
    more = row[len(MASTER) :]
    new = NEW_COLUMNS if len(more) >= len(NEW_COLUMNS) else ()
    switched = len(more) - len(new)
    if switched == 1:
        return (*MASTER, "uniqueid" if _UNIQUE_ID.fullmatch(more[0].strip()) else "userfield", *new)
    return (*MASTER, *(("uniqueid", "userfield") if switched else ()), *new)


def _head(row: list[str]) -> tuple[str, ...]:
    """The names of the columns, when this row holds them.

    raises   UserError when it does and lacks what a call is known by
    """
    names = tuple(headers.word(cell) for cell in row)
    if not {"src", "source", "calldate", "start", "disposition"} & set(names):
        return ()
    if not {"uniqueid", "linkedid"} & set(names) or "disposition" not in names:
        raise UserError(
            "The header names no uniqueid or no disposition.", "Export the table cdr with all of its columns."
        )
    return names


def _fact(row: dict[str, str], zone: str) -> CallFact | None:
    ref = text(row, "linkedid", "uniqueid")
    if not ref:
        raise UserError("The row has no uniqueid.", "Set loguniqueid=yes in cdr.conf.")
    source, target, own = text(row, "src", "source"), text(row, "dst", "destination"), text(row, "did", "dnid")
    outcome = OUTCOMES.get(text(row, "disposition").upper(), CallOutcome.FAILED)
    length, talk = whole(row.get("duration")), whole(row.get("billsec") or row.get("billableseconds"))
    is_out = not own and _is_extension(source)
    if is_out and (not _is_number(target) or _is_extension(target) or text(row, "uniqueid", "linkedid") != ref):
        return None
    line = own or ("" if is_out or not _is_number(target) else target)
    return CallFact(
        system="asterisk", ref=ref, at=_start(row, zone), line=line, caller=target if is_out else source,
        direction="out" if is_out else "in", outcome=outcome, wait_s=max(0, length - talk),
        talk_s=talk if outcome == CallOutcome.ANSWERED else 0, operator=source if is_out else _operator(row),
    )  # fmt: skip


def _is_number(dialled: str) -> bool:
    return dialled.lstrip("+").isdigit()


def _is_extension(dialled: str) -> bool:
    """Numbers inside an exchange are short."""
    return _is_number(dialled) and len(dialled) <= LONGEST_EXTENSION


def _start(row: dict[str, str], zone: str) -> datetime:
    """By the unique id, which is in UTC, else by the text, which is in the exchange's zone."""
    return _began(text(row, "linkedid", "uniqueid")) or moment(text(row, "calldate", "start"), zone)


def _operator(row: dict[str, str]) -> str:
    channel = text(row, "dstchannel", "destinationchannel").partition("/")[2]
    return channel.rpartition("-")[0][:60]
