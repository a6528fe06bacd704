"""The outbox against a real SMTP server: sent once, tried again, given up, and no text left behind."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import select, update

from tandem.accounts import store as accounts
from tandem.accounts.model import User
from tandem.base import clock, log
from tandem.base.config import Config
from tandem.base.errors import UserError
from tandem.core.context import Context
from tandem.delivery import smtp, store
from tandem.delivery.jobs import send_due
from tandem.delivery.model import DueMessage, Message, wait_after
from tandem.delivery.tables import outbox
from tests.clocks import set_ahead, set_clock

LETTER = Message(
    to="ola@fern.example", subject="Żółta łódź — письмо", text="Zażółć gęślą jaźń: https://t.example/link/SECRET"
)
HOUR = timedelta(hours=1)


def reached(ctx: Context, settings: dict[str, Any]) -> User:
    """This installation sends by this server from now on; returns somebody to write to."""
    ctx.config = msgspec.structs.replace(ctx.config, **settings)
    workspace = accounts.make_workspace(ctx.database, "Fern")
    return accounts.add_user(ctx.database, workspace, "ola@fern.example", "Ola", "admin", "a long password")


def rows(ctx: Context) -> list[Any]:
    with ctx.database.read() as c:
        return list(c.execute(select(outbox)))


@pytest.mark.parametrize("tls", ["starttls", "implicit", "none"])
def test_a_message_goes_out_once_and_leaves_no_text_behind(
    ctx: Context, post_office: Callable[..., Any], tls: str
) -> None:
    post, settings = post_office(tls, "tandem" if tls == "starttls" else "")
    person = reached(ctx, settings)
    store.put(ctx, person, "reset", LETTER, HOUR)
    assert "SECRET" not in rows(ctx)[0].sealed, "sealed while it waits"
    assert send_due(ctx) == 1 and send_due(ctx) == 0
    (letter,) = post.taken
    assert (letter["to"], letter["subject"]) == ("ola@fern.example", LETTER.subject)
    assert letter["from"] == "Tandem <tandem@fern.example>"
    assert letter.get_content().strip() == LETTER.text
    assert post.was_encrypted == [tls == "starttls"], "where it is implicit the server knows nothing of it"
    (row,) = rows(ctx)
    assert row.sent_at is not None and row.sealed == ""


def test_two_servers_send_a_message_once(ctx: Context, post_office: Callable[..., Any]) -> None:
    post, settings = post_office()
    person = reached(ctx, settings)
    for _ in range(5):
        store.put(ctx, person, "reset", LETTER, HOUR)
    with ThreadPoolExecutor(4) as pool:
        sent = sum(pool.map(lambda _: send_due(ctx), range(4)))
    assert sent == 5 == len(post.taken)
    assert len({letter["message-id"] for letter in post.taken}) == 5


def test_of_two_servers_that_look_at_the_same_moment_one_takes_a_message(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(ctx, reached(ctx, {}), "reset", LETTER, HOUR)
    others, update = list[DueMessage](), store.update

    def late(table: Any) -> Any:
        """Whoever has seen the message as due, and takes it after another server has."""
        monkeypatch.undo()
        others.extend(store.take_due(ctx))
        return update(table)

    monkeypatch.setattr(store, "update", late)
    assert list(store.take_due(ctx)) == [] and len(others) == 1


def test_what_could_not_be_sent_in_time_is_given_up(
    ctx: Context, post_office: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    post, settings = post_office()
    person = reached(ctx, settings)
    store.put(ctx, person, "reset", LETTER, HOUR)
    later = clock.now() + HOUR + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert send_due(ctx) == 0 and post.taken == []
    (row,) = rows(ctx)
    assert (row.dead_at, row.sealed, row.problem) == (later, "", "was not sent in time")


def test_what_fails_is_tried_again_later_and_what_is_refused_is_given_up(
    ctx: Context, post_office: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log.set_up("info", pretty=False)
    post, settings = post_office()
    person = reached(ctx, settings)
    post.answers = ["451 try ola@fern.example later", "550 no such user ola@fern.example"]
    store.put(ctx, person, "reset", LETTER, HOUR)
    assert send_due(ctx) == 0
    assert rows(ctx)[0].tries == 1 and "451" in rows(ctx)[0].problem
    assert store.state(ctx.database).waiting == 1
    assert send_due(ctx) == 0 and len(post.answers) == 1, "not before its time"
    later = clock.now() + timedelta(seconds=16)
    monkeypatch.setattr(clock, "now", lambda: later)
    send_due(ctx)
    (row,) = rows(ctx)
    assert row.dead_at is not None and row.sealed == "" and "550" in row.problem
    assert store.state(ctx.database).dead == 1
    said = capsys.readouterr().out
    assert [json.loads(line)["event"] for line in said.splitlines()] == ["delivery.failed"] * 2
    assert "ola" not in said + row.problem, "no address stands in the log or in the store"


def test_no_answer_is_waited_out_with_growing_waits_until_it_is_too_late(
    ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = {"smtp_host": "127.0.0.1", "smtp_port": 1, "smtp_tls": "none", "smtp_from": "t@fern.example"}
    person = reached(ctx, nobody)
    store.put(ctx, person, "reset", LETTER, HOUR)
    began, waits = clock.now(), []
    now = [began]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    while rows(ctx)[0].dead_at is None:
        send_due(ctx)
        waits.append(rows(ctx)[0].next_at - now[0])
        now[0] = rows(ctx)[0].next_at
    assert waits[:5] == [timedelta(seconds=s) for s in (15, 30, 60, 120, 240)]
    assert now[0] - began < 2 * HOUR and rows(ctx)[0].sealed == ""
    assert wait_after(50) == timedelta(hours=2)


def test_a_clock_that_ran_ahead_postpones_no_message(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    person = reached(ctx, {})
    with monkeypatch.context() as ahead:
        set_ahead(ahead)
        store.put(ctx, person, "reset", LETTER, HOUR)
    assert [one.message.subject for one in store.take_due(ctx)] == [LETTER.subject]
    assert list(store.take_due(ctx)) == [], "it is being sent"


def test_a_server_without_encryption_or_with_a_strange_certificate_gets_nothing(
    ctx: Context, post_office: Callable[..., Any]
) -> None:
    plain, settings = post_office("none")
    person = reached(ctx, {**settings, "smtp_tls": "starttls"})
    store.put(ctx, person, "reset", LETTER, HOUR)
    assert send_due(ctx) == 0 and plain.taken == [] and "offers no encryption" in rows(ctx)[0].problem
    strange, settings = post_office("starttls")
    ctx.config = msgspec.structs.replace(ctx.config, **{**settings, "smtp_ca": ""})
    store.put(ctx, person, "reset", LETTER, HOUR)
    assert send_due(ctx) == 0 and strange.taken == []


def test_an_address_or_subject_cannot_add_headers(ctx: Context, post_office: Callable[..., Any]) -> None:
    _, settings = post_office()
    person = reached(ctx, settings)
    evil = msgspec.structs.replace(LETTER, subject="Hello\r\nBcc: all@fern.example")
    store.put(ctx, person, "reset", evil, HOUR)
    store.put(ctx, person, "reset", LETTER, HOUR)
    assert send_due(ctx) == 1, "one that cannot be written does not hold up the others"
    assert rows(ctx)[0].dead_at is not None


def test_names_and_passwords_may_have_letters_of_any_language(ctx: Context, post_office: Callable[..., Any]) -> None:
    post, settings = post_office("starttls", "łucja", "hasło")
    person = reached(ctx, settings)
    store.put(ctx, person, "reset", LETTER, HOUR)
    assert send_due(ctx) == 1 == len(post.taken)
    ctx.config = msgspec.structs.replace(ctx.config, smtp_password="zły")
    store.put(ctx, person, "reset", LETTER, HOUR)
    assert send_due(ctx) == 0 and "rejected the user name or password" in rows(ctx)[1].problem
    assert rows(ctx)[1].dead_at is None, "the operator may still mend it"


def test_a_host_in_its_own_letters_is_written_to_and_what_no_server_takes_is_given_up_at_once(
    ctx: Context, post_office: Callable[..., Any]
) -> None:
    post, settings = post_office()
    person = reached(ctx, settings | {"smtp_from": "Tandem <tandem@żółw.example>"})
    for to in ("łucja@fern.example", f"anna@{'ü' * 70}.example", "anna@bücher.example"):
        store.put(ctx, person, "reset", msgspec.structs.replace(LETTER, to=to), HOUR)
    assert send_due(ctx) == 1
    (letter,) = post.taken
    assert (letter["to"], letter["from"]) == ("anna@xn--bcher-kva.example", "Tandem <tandem@xn--w-uga1v8h.example>")
    for row in rows(ctx)[:2]:
        assert row.dead_at is not None and "an address has signs" in row.problem and "fern" not in row.problem


def test_a_message_that_breaks_us_does_not_hold_up_the_others(
    ctx: Context, post_office: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    post, settings = post_office()
    person = reached(ctx, settings)
    for kind in ("strange", "broken", "reset"):
        store.put(ctx, person, kind, LETTER, HOUR)
    with ctx.database.write() as c:
        c.execute(update(outbox).where(outbox.c.kind == "strange").values(sealed=ctx.vault.seal('{"whom": 1}')))
    send = smtp.send

    def breaks(config: Config, waiting: DueMessage) -> None:
        if waiting.kind == "broken":
            raise RuntimeError("ola@fern.example")
        send(config, waiting)

    monkeypatch.setattr(smtp, "send", breaks)
    assert send_due(ctx) == 1 == len(post.taken)
    strange, broken, sent = rows(ctx)
    assert strange.dead_at is not None and "another version" in strange.problem
    assert (broken.tries, broken.dead_at, broken.problem) == (1, None, "could not be sent (RuntimeError)")
    assert sent.sent_at is not None


def test_a_user_switches_off_what_may_be_switched_off(ctx: Context, post_office: Callable[..., Any]) -> None:
    post, settings = post_office()
    person = reached(ctx, settings)
    store.prefer(ctx.database, person, "sign_in", False)
    for kind in ("sign_in", "reset"):
        store.put(ctx, person, kind, LETTER, HOUR)
    assert send_due(ctx) == 1 == len(post.taken)
    store.prefer(ctx.database, person, "sign_in", True)
    store.put(ctx, person, "sign_in", LETTER, HOUR)
    assert send_due(ctx) == 1


@pytest.mark.parametrize(
    "wrong", [{"smtp_tls": "yes"}, {"smtp_host": "h"}, {"smtp_tls": "none", "smtp_user": "u"}], ids=str
)
def test_settings_that_do_not_fit_are_told_at_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        smtp.check(Config(**wrong))


def test_a_slow_server_gets_no_letter_twice(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message is taken when its turn comes: what was taken for five minutes would be another's after them."""
    person = reached(ctx, {"smtp_host": "smtp.example", "smtp_from": "tandem@fern.example"})
    for _ in range(5):
        store.put(ctx, person, "reset", LETTER, HOUR)
    now, sent = clock.now(), list[int]()

    def send(config: Config, waiting: DueMessage) -> None:
        sent.append(waiting.id)
        passed = timedelta(minutes=2 * len(sent))
        monkeypatch.setattr(clock, "now", lambda: now + passed)
        if len(sent) == 3:
            assert send_due(ctx) == 2  # another server, six minutes after the first one began

    monkeypatch.setattr(smtp, "send", send)
    assert send_due(ctx) == 3
    assert len(sent) == len(set(sent)) == 5


def test_messages_are_forgotten_after_thirty_days(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    person, began = reached(ctx, {}), clock.now()
    store.put(ctx, person, "reset", LETTER, HOUR)
    for days, remaining in ((30, 1), (30.01, 0)):
        set_clock(monkeypatch, began + timedelta(days=days))
        store.forget_old(ctx.database)
        assert len(rows(ctx)) == remaining, days
