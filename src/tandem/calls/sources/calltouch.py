"""Calltouch: webhooks of calls; without a signature, so the address is the secret and the sender is checked."""

import ipaddress

from tandem.base.errors import UserError
from tandem.calls.model.call import CallFact, CallOutcome
from tandem.calls.sources.common import REGION, ZONE, digest, form_of, moment, text, unix, whole, zone_of
from tandem.connections.model import Accepted, Connection, Delivery, Field, Incoming

FIELDS = (
    Field(
        name="senders",
        label="Allowed sender addresses",
        is_required=False,
        default="92.118.66.0/23",
        hint="Networks, separated by commas. If empty, anyone who knows the webhook address can send.",
    ),
    REGION,
    ZONE,
)
NOTE = "Enter the webhook address in Integrations → webhooks. Tick id, timestamp, callerphone, phonenumber, status."


def accept(connection: Connection, incoming: Incoming) -> Accepted:
    """Raises UserError (403) for a sender outside the networks of the setting, and for a call without an id."""
    if not _is_among(incoming.sender, connection.setting("senders")):
        raise UserError(
            "This sender is not allowed to send webhooks.", "Add its network to the connection's settings.", status=403
        )
    form = form_of(incoming)
    if not text(form, "id"):
        raise UserError("The call has no ID.", "Tick “id” in the webhook's fields.")
    return Accepted(key=digest(*(f"{k}={v}" for k, v in sorted(form.items()))))


def _is_among(sender: str, networks: str) -> bool:
    wanted = [network.strip() for network in networks.split(",") if network.strip()]
    try:
        address = ipaddress.ip_address(sender)
        return not wanted or any(address in ipaddress.ip_network(network, strict=False) for network in wanted)
    except ValueError:
        return False


def read(connection: Connection, delivery: Delivery) -> list[CallFact]:
    form = form_of(delivery)
    stamp = text(form, "timestamp")
    at = unix(stamp) if stamp.isdigit() else moment(text(form, "date", "timestamp"), zone_of(connection))
    status = text(form, "status").lower()
    is_answered = status in ("successful", "true", "1", "success")
    is_over = bool(status) or text(form, "callphase") in ("callcompleted", "calllost")
    outcome = CallOutcome.ANSWERED if is_answered else CallOutcome.MISSED if is_over else CallOutcome.RINGING
    return [
        CallFact(
            system="calltouch",
            ref=text(form, "id"),
            at=at,
            line=text(form, "phonenumber"),
            caller=text(form, "callerphone"),
            outcome=outcome,
            talk_s=whole(form.get("duration")),
            wait_s=whole(form.get("waiting_connect")),
            recording=text(form, "reclink"),
        )
    ]
