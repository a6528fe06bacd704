"""Sends what waits in the outbox, by the channel of each message."""

from collections.abc import Callable, Mapping

from tandem.base import log
from tandem.base.errors import SourceError
from tandem.core.context import Context
from tandem.delivery import smtp, store
from tandem.delivery.model import EMAIL, DueMessage

Channel = Callable[[DueMessage], None]
_log = log.get("delivery")


def channels(ctx: Context) -> Mapping[str, Channel]:
    """The channels that this installation can send by. A later one is added here."""
    config = ctx.config
    return {EMAIL: lambda waiting: smtp.send(config, waiting)} if smtp.is_set(config) else {}


def send_due(ctx: Context) -> int:
    """Send the messages whose turn has come; returns how many went out. A failing one does not hold up the others."""
    ways, sent = channels(ctx), 0
    if not ways:
        return 0
    for waiting in store.take_due(ctx):
        way = ways.get(waiting.channel)
        try:
            if way is None:
                raise smtp.MessageRefused(waiting.channel, "is no longer set up")
            way(waiting)
        except SourceError as error:
            is_dead = store.mark_failed(ctx.database, waiting, str(error), isinstance(error, smtp.MessageRefused))
            said = _log.error if is_dead else _log.warning
            said("delivery.failed", message=waiting.id, kind=waiting.kind, why=str(error), is_given_up=is_dead)
        except Exception as error:  # noqa: BLE001 - the edge: a message that breaks us must not stop the others
            store.mark_failed(ctx.database, waiting, f"could not be sent ({type(error).__name__})")
            _log.error("delivery.broke", message=waiting.id, kind=waiting.kind, exc_info=True)
        else:
            store.mark_sent(ctx.database, waiting)
            sent += 1
            _log.info("delivery.sent", message=waiting.id, kind=waiting.kind, channel=waiting.channel)
    return sent
