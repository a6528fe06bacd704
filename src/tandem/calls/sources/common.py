"""What readers of exchanges share: comparing signatures, times, and the settings that each connection has."""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tandem.base import clock
from tandem.base.errors import NO_JSON, UserError
from tandem.calls.model.call import CallFact
from tandem.connections.model import Connection, Delivery, Field, Incoming, SkippedRecord

REGION = Field(
    name="region",
    label="Country of numbers",
    is_required=False,
    hint="Two letters (PL), for numbers without a country code.",
)
ZONE = Field(
    name="zone",
    label="Time zone of the phone system",
    is_required=False,
    default="UTC",
    hint=("For example, Europe/Warsaw."),
)
WINDOW = timedelta(seconds=300)


def must_match(given: str, expected: str) -> None:
    """Raises UserError (403) unless both are the same, compared in constant time."""
    if not given or not hmac.compare_digest(given.encode(), expected.encode()):
        raise UserError("The signature does not match.", "Copy the secret again on both sides.", status=403)


def must_be_fresh(stamp_s: float) -> None:
    """Raises UserError (403) for a delivery signed more than five minutes ago: somebody may be repeating it."""
    if abs(clock.now().timestamp() - stamp_s) > WINDOW.total_seconds():
        raise UserError("The webhook was signed too long ago.", "Check the clocks of both servers.", status=403)


def digest(*parts: str | bytes) -> str:
    """A key for a delivery that has none of its own: the digest of what it says."""
    whole = b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)
    return hashlib.sha256(whole).hexdigest()


def json_of(body: bytes) -> dict[str, Any]:
    """The body as a JSON object.

    raises   UserError when it is none
    """
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except NO_JSON as error:
        raise UserError("The body is not a JSON object.", "Choose JSON in the settings of the other system.") from error


def form_of(message: Incoming | Delivery) -> dict[str, str]:
    """The fields of a form, or of the address when the system sends them there."""
    return {**dict(message.query), **dict(message.form)}


def moment(text: str, zone: str = "UTC") -> datetime:
    """A moment from ISO-8601 or `2026-11-10 12:00:00`; without an offset it is in `zone`.

    raises   UserError when it is no moment, or one in which no call was made
    """
    try:
        at = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        return in_range((at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone or "UTC"))).astimezone(UTC))
    except (ValueError, KeyError, OverflowError) as error:
        raise UserError(
            "“%(value)s” is not a date and time.", "Use the format 2026-11-10T12:00:00+01:00.", value=text[:40]
        ) from error


def in_range(at: datetime) -> datetime:
    """The same moment.

    raises   ValueError outside of the years that the event store holds, with room for what is derived
    """
    if not 1971 <= at.year <= 2199:
        raise ValueError(at.year)
    return at


def unix(value: Any) -> datetime:
    """A moment from seconds since 1970.

    raises   UserError when it is none
    """
    try:
        return in_range(datetime.fromtimestamp(float(value), UTC))
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise UserError(
            "“%(value)s” is not a date and time.", "Send seconds since 1970.", value=str(value)[:40]
        ) from error


def whole(value: Any) -> int:
    """A whole number, of seconds or of seconds since 1970; nothing and nonsense are 0, as is what fits no column."""
    match = re.fullmatch(r"\s*(\d{1,12})(?:\.\d*)?\s*", str(value or ""))
    return int(match[1]) if match and int(match[1]) < 1 << 32 else 0


class FetchedCalls(list[CallFact]):
    """Calls out of a list that an exchange gave; those that cannot be read are skipped, and do not stop the others."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped: dict[str, SkippedRecord] = {}

    def read(self, calls: Iterable[Any], reader: Callable[[Any], CallFact], *names: str) -> None:
        """Read these calls and add them; `names` are the fields that hold a call's id."""
        for call in calls:
            ref = text(call, *names) if isinstance(call, dict) else ""
            try:
                self.append(reader(call))
            except UserError as error:
                values = {name: str(value) for name, value in error.values.items()}
                what, cure = error.sentences
                self.skipped[ref] = SkippedRecord(record=ref[:40], what=what, cure=cure, values=values)
            except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
                self.skipped[ref] = SkippedRecord(
                    record=ref[:40],
                    what="The call is in an unknown format.",
                    cure=("Contact your phone provider's support."),
                )


def text(values: Mapping[str, Any], *names: str) -> str:
    """The first of these fields that says something."""
    return next((str(values[name]).strip() for name in names if values.get(name) not in (None, "")), "")


def zone_of(connection: Connection) -> str:
    return connection.setting("zone", "UTC")
