"""My account, invitations, forgotten passwords and the second factor, as browsers see them."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from tandem.accounts import store
from tandem.accounts.model import Site
from tandem.accounts.store import links, second_factor
from tandem.base import clock
from tandem.base.errors import UserError
from tandem.base.vault import Vault
from tandem.core.auth import COOKIE
from tandem.core.context import Context
from tandem.settings import sessions, two_factor
from tests.settings.conftest import MAIL, PASSWORD, Browser, acts

Open = Callable[..., Browser]
LINK = re.compile(r"/link/[\w-]{43}")
CODES = re.compile(r"\b(?:[a-z2-7]{4}-){3}[a-z2-7]{4}\b")
NEW = "green thumbs grow"


def link_in(text: str) -> str:
    found = LINK.search(text)
    assert found is not None
    return found[0]


def test_a_new_password_asks_for_the_old_one_and_ends_the_other_sessions(
    ctx: Context, mail: None, open_browser: Open, letters: Any
) -> None:
    mine, other = open_browser(), open_browser("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/129.0.0.0")
    assert mine.sign_in().status_code == other.sign_in().status_code == 303
    page = mine.get("/account").text
    assert "Firefox, Linux" in page and "Chrome, Windows" in page
    assert mine.post("/account/password", old="wrong", new=NEW).status_code == 400
    assert mine.post("/account/password", old=PASSWORD, new="password1234").status_code == 400
    assert other.is_in
    assert mine.post("/account/password", old=PASSWORD, new=NEW).status_code == 200
    assert mine.is_in and not other.is_in
    assert other.sign_in().status_code == 401 and other.sign_in(password=NEW).status_code == 303
    assert letters()[-1][0] == "password" and letters()[-1][1].to == "ola@fern.example"


def test_a_wrong_password_is_told_at_its_field_with_a_way_that_is_open(ctx: Context, open_browser: Open) -> None:
    """It stood above the page, and sent the only admin to an admin."""
    browser = open_browser()
    browser.sign_in()
    browser.client.headers["hx-request"] = "true"

    def refused(path: str, **form: str) -> tuple[str, str]:
        answer = browser.post(path, **form)
        assert answer.status_code == 400
        return answer.headers["x-field"], answer.text

    page = browser.get("/account").text
    for path, form in (
        ("/account/password", {"old": "wrong", "new": NEW}),
        ("/account/password", {"old": PASSWORD, "new": "password1234"}),
        ("/account/two-factor", {"password": "wrong"}),
    ):
        field, told = refused(path, **form)
        asked = page.partition(f'hx-post="{path}"')[2].partition("</form>")[0]
        assert f'name="{field}"' in asked or f'data-field="{field}"' in asked, "page.js looks for it there"
        assert ("tandem user reset-link ola@fern.example" in told) == ("wrong" in form.values())
    ola = store.user_by_email(ctx.database, "ola@fern.example")
    assert ola is not None
    store.add_user(ctx.database, ola.workspace_id, "ivo@fern.example", "Ivo", "admin", PASSWORD)
    told = refused("/account/two-factor", password="wrong")[1]
    assert "ask an admin for a new link" in told and "reset-link" not in told


def test_somebody_at_an_open_browser_cannot_guess_the_password(open_browser: Open) -> None:
    browser = open_browser()
    browser.sign_in()
    said = [browser.post("/account/password", old=f"guess {i}", new=NEW).status_code for i in range(9)]
    assert said == [400] * 8 + [429]


def test_a_wrong_current_password_is_no_failed_sign_in_in_the_audit_log(ctx: Context, open_browser: Open) -> None:
    browser = open_browser()
    browser.sign_in()
    assert browser.post("/account/password", old="wrong", new=NEW).status_code == 400
    assert browser.post("/account/two-factor", password="wrong").status_code == 400
    assert [act for act, _ in acts(ctx)][:2] == ["people.password_refused"] * 2
    assert open_browser().sign_in(password="wrong").status_code == 401
    assert acts(ctx)[0][0] == "people.sign_in_failed"


def test_who_has_no_password_is_shown_no_form_that_asks_for_it(ctx: Context, site: Site, open_browser: Open) -> None:
    jan = store.add_user(ctx.database, site.workspace_id, "jan@fern.example", "Jan", "viewer", None)
    browser = open_browser()
    browser.client.cookies.set(COOKIE, store.open_session(ctx.database, jan, way="openid"))
    page = browser.get("/account").text
    assert "reset-link" not in page
    assert "have no password here" in page and 'type="password"' not in page
    for path in ("/account/two-factor", "/account/password"):
        refused = browser.post(path, password="", old="", new=NEW)
        assert refused.status_code == 400 and "You have no password here" in refused.text
    ola = store.user_by_email(ctx.database, "ola@fern.example")
    assert ola is not None
    store.change_user(ctx.database, jan, role="admin")
    store.change_user(ctx.database, ola, role="viewer")
    assert "tandem user reset-link jan@fern.example" in browser.get("/account").text, "no other admin can be asked"
    link = links.make(ctx.database, jan, links.INVITE, None)
    assert open_browser().post(f"/link/{link}", password=NEW).status_code == 303, "the cure that is named works"
    again = open_browser()
    assert again.sign_in("jan@fern.example", NEW).status_code == 303
    assert again.post("/account/two-factor", password=NEW).status_code == 200


def test_a_session_is_ended_from_afar(ctx: Context, open_browser: Open) -> None:
    mine, other, third = open_browser(), open_browser("curl/8"), open_browser()
    for browser in (mine, other, third):
        browser.sign_in()
    name = re.search(r"/account/sessions/(\w{16})/end", mine.get("/account").text)
    assert name is not None
    mine.post(f"/account/sessions/{name[1]}/end")
    assert mine.is_in and [other.is_in, third.is_in].count(True) == 1
    mine.post("/account/sessions/end")
    assert mine.is_in and not other.is_in and not third.is_in


def test_a_name_and_language_are_the_users_own_and_the_role_is_not(ctx: Context, open_browser: Open) -> None:
    browser = open_browser()
    browser.sign_in()
    answer = browser.post("/account", name="Ola Sosna", language="pl", role="viewer", email="x@x.example")
    assert "Moje konto" in answer.text and "Ola Sosna" in answer.text
    assert answer.headers["hx-refresh"] == "true", "menu and <html lang> are outside the part that is swapped"
    assert "hx-refresh" not in browser.post("/account", name="Ola Sosna", language="pl").headers
    person = store.user_by_email(ctx.database, "ola@fern.example")
    assert person is not None and (person.name, person.language, person.role) == ("Ola Sosna", "pl", "admin")
    assert browser.post("/account", name=" ").status_code == 400


# ── invitations and forgotten passwords ──


def test_an_invited_viewer_chooses_a_password_once(ctx: Context, mail: None, open_browser: Open, letters: Any) -> None:
    admin, jan = open_browser(), open_browser()
    admin.sign_in()
    page = admin.post("/settings/people", email="jan@fern.example", name="Jan").text
    link = link_in(page)
    (_, letter) = letters()[-1]
    assert link in letter.text and "Ola" in letter.text and letter.to == "jan@fern.example"
    invited = store.user_by_email(ctx.database, "jan@fern.example")
    assert invited is not None and invited.role == "viewer" and not invited.has_password
    assert open_browser().sign_in("jan@fern.example", "").status_code == 401
    assert "jan@fern.example" in jan.get(link).text
    assert jan.post(link, password="short").status_code == 400
    jan.client.headers["accept-language"] = "pl-PL,pl;q=0.9"
    assert jan.post(link, password=NEW).status_code == 303
    assert jan.is_in and "Moje konto" in jan.get("/account").text
    assert open_browser().post(link, password="another password").status_code == 410
    assert open_browser().get(link).status_code == 410
    assert open_browser().sign_in("jan@fern.example", NEW).status_code == 303
    assert ("people.invite_link_made", "Ola") in acts(ctx)


def test_who_lost_the_answer_is_led_to_signing_in(ctx: Context, open_browser: Open) -> None:
    """Trying again told them to ask for another link, or that all is set up, with no way on."""
    ola = store.user_by_email(ctx.database, "ola@fern.example")
    assert ola is not None
    link = f"/link/{links.make(ctx.database, ola, links.RESET)}"
    browser = open_browser()
    browser.client.headers["hx-request"] = "true"
    assert browser.post(link, password=NEW).status_code < 400
    again = open_browser()
    again.client.headers["hx-request"] = "true"
    for path, said in ((link, "If you have just set a password here"), ("/set-up", "If you have just filled in")):
        told = again.post(path, password=NEW)
        assert told.status_code in (409, 410) and said in told.text and 'href="/sign-in"' in told.text
    wrong = again.post("/sign-in", email="ola@fern.example", password="wrong")
    assert wrong.status_code == 401 and 'href="/sign-in"' not in wrong.text


def test_a_link_is_void_after_its_time_a_newer_one_or_a_new_password(
    ctx: Context, open_browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    ola = store.user_by_email(ctx.database, "ola@fern.example")
    assert ola is not None
    first, second = (links.make(ctx.database, ola, links.RESET, by=ola.id) for _ in range(2))
    browser = open_browser()
    assert browser.get(f"/link/{first}").status_code == 410, "a newer one was made"
    assert browser.get(f"/link/{second}").status_code == 200
    store.change_password(ctx.database, ola, PASSWORD, NEW)
    assert browser.post(f"/link/{second}", password=NEW).status_code == 410, "the password was changed meanwhile"
    third = links.make(ctx.database, ola, links.RESET)
    later = clock.now() + timedelta(minutes=61)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert browser.get(f"/link/{third}").status_code == 410
    fourth = links.make(ctx.database, ola, links.RESET)
    with ctx.database.write() as c:
        c.exec_driver_sql("update people set email = 'other@fern.example'")
    assert browser.get(f"/link/{fourth}").status_code == 410, "it was for another address"
    assert browser.get("/link/" + "A" * 43).status_code == 410


def test_of_two_who_use_a_link_at_once_one_does(ctx: Context, site: Any) -> None:
    ola = store.user_by_email(ctx.database, "ola@fern.example")
    assert ola is not None
    token = links.make(ctx.database, ola, links.RESET)

    def use(number: int) -> int:
        try:
            links.use(ctx.database, token, f"{NEW} {number}")
        except UserError as error:
            return error.status
        return 200

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(use, range(4))) == [200, 410, 410, 410]


def test_a_forgotten_password_is_renewed_by_mail_and_all_sessions_end(
    ctx: Context, mail: None, open_browser: Open, letters: Any
) -> None:
    lost, other = open_browser(), open_browser()
    other.sign_in()
    lost.post("/forgot", email="Ola@Fern.example ")
    kind, letter = letters()[-1]
    assert kind == "reset"
    with ctx.database.read() as c:
        stored = str(c.exec_driver_sql("select * from account_links").all())
    assert link_in(letter.text).rpartition("/")[2] not in stored
    assert lost.post(link_in(letter.text), password=NEW).status_code == 303
    assert lost.is_in and not other.is_in


def by_script(browser: Browser) -> Browser:
    browser.client.headers["hx-request"] = "true"
    return browser


def told_in_place(answer: Any) -> tuple[int, str]:
    """The status of a refusal that is put into the page, and its field."""
    assert answer.headers["hx-retarget"] == "#problem" and "<html" not in answer.text
    return answer.status_code, answer.headers.get("x-field", "")


def test_pages_of_signing_in_answer_scripts_in_place(
    ctx: Context, mail: None, open_browser: Open, letters: Any
) -> None:
    """A lost network takes no page away, what is wrong stands at its field, and no script follows a redirect."""
    mine = by_script(open_browser())
    assert told_in_place(mine.sign_in(password="wrong")) == (401, "password")
    assert 'id="main"' in mine.post("/forgot", email="ola@fern.example").text
    link = link_in(letters()[-1][1].text)
    for page in ("/sign-in", "/forgot", link):
        shown = mine.get(page).text
        assert f'method="post" action="{page}" hx-post="{page}"' in shown and 'id="problem-lost"' in shown
    assert told_in_place(mine.post(link, password="short")) == (400, "password")
    answer = mine.post(link, password=NEW)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (200, "/") and mine.is_in
    assert told_in_place(mine.post(link, password=NEW)) == (410, "")


def test_the_second_factor_answers_scripts_in_place(open_browser: Open) -> None:
    mine, other = open_browser(), by_script(open_browser())
    mine.sign_in()
    secret, _ = switched_on(mine)
    answer = other.post("/sign-in", email="ola@fern.example", password=PASSWORD, next="/goals")
    assert (answer.status_code, answer.headers["hx-redirect"]) == (200, "/sign-in/code") and not other.is_in
    assert 'hx-post="/sign-in/code"' in other.get("/sign-in/code").text
    assert told_in_place(other.post("/sign-in/code", code="12345")) == (401, "code")
    code = two_factor.code_at(secret, int(clock.now().timestamp()) // 30)
    assert other.post("/sign-in/code", code=code).headers["hx-redirect"] == "/goals" and other.is_in


def test_a_reset_tells_nobody_who_has_an_account(ctx: Context, mail: None, open_browser: Open, letters: Any) -> None:
    browser = open_browser()
    known, unknown = (browser.post("/forgot", email=f"{who}@fern.example") for who in ("ola", "nobody"))
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert [letter.to for _, letter in letters()] == ["ola@fern.example"]
    with ctx.database.read() as c:
        for table in ("account_links", "outbox"):
            assert c.exec_driver_sql(f"select count(*) from {table}").scalar() == 2, "the same work for both"
    for _ in range(6):
        browser.post("/forgot", email="ola@fern.example")
    assert len(letters()) == 3, "nobody is flooded"


def test_without_mail_the_page_says_who_can_help(open_browser: Open) -> None:
    assert "tandem user reset-link" in open_browser().get("/forgot").text


def test_only_admins_make_links_and_only_for_their_own_workspace(ctx: Context, open_browser: Open) -> None:
    theirs = store.make_workspace(ctx.database, "Rival")
    rival = store.add_user(ctx.database, theirs, "r@rival.example", "R", "admin", PASSWORD)
    viewer = store.add_user(ctx.database, 1, "v@fern.example", "V", "viewer", PASSWORD)
    admin, low = open_browser(), open_browser()
    admin.sign_in()
    low.sign_in("v@fern.example")
    for deed in ("link", "two-factor-off"):
        assert admin.post(f"/settings/people/{rival.id}/{deed}").status_code == 404
        assert low.post(f"/settings/people/{viewer.id}/{deed}").status_code == 403
    assert LINK.search(admin.post(f"/settings/people/{viewer.id}/link").text)


# ── the second factor ──


def test_codes_are_those_of_the_standard() -> None:
    # RFC 6238, appendix B: SHA-1, eight digits
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in (
        (59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"),
        (2000000000, "69279037"), (20000000000, "65353130"),
    ):  # fmt: skip
        assert two_factor.code_at(secret, seconds // 30, 8) == code
    assert two_factor.step_of(secret, "287 082", 59.0) == 1
    assert two_factor.step_of(secret, "287082", 59.0 + 60) is None
    assert two_factor.step_of(secret, "٢٨٧٠٨٢", 59.0) is None, "digits of other scripts are no code, and no error"


def switched_on(browser: Browser) -> tuple[str, list[str]]:
    """The app's secret and the recovery codes of the browser's user, after switching the second factor on."""
    assert browser.post("/account/two-factor", password="wrong").status_code == 400
    page = browser.post("/account/two-factor", password=PASSWORD).text
    assert "<svg" in page and "style=" not in page
    secret = re.search(r'data-copy="([A-Z2-7]{32})"', page)
    sealed = re.search(r'name="sealed" value="([^"]+)"', page)
    assert secret is not None and sealed is not None
    assert browser.post("/account/two-factor/on", sealed=sealed[1], code="000000").status_code == 400
    for _ in range(2):  # a step may end in between
        # the step before: its code is right, and the present one is still to be used
        code = two_factor.code_at(secret[1], int(clock.now().timestamp()) // 30 - 1)
        done = browser.post("/account/two-factor/on", sealed=unescape(sealed[1]), code=code)
        if done.status_code == 200:
            break
    return secret[1], CODES.findall(done.text)[:10]


def test_two_factor_sign_in_asks_for_a_code_and_takes_each_once(ctx: Context, open_browser: Open) -> None:
    mine = open_browser()
    mine.sign_in()
    secret, recovery = switched_on(mine)
    assert len(set(recovery)) == 10
    with ctx.database.read() as c:
        stored = str(c.exec_driver_sql("select totp_sealed from people").all())
        stored += str(c.exec_driver_sql("select * from recovery_codes").all())
    assert secret not in stored and recovery[0] not in stored and recovery[0].replace("-", "") not in stored
    other = open_browser()
    answer = other.sign_in()
    assert answer.headers["location"] == "/sign-in/code" and not other.is_in
    assert other.post("/sign-in/code", code="12345").status_code == 401
    code = two_factor.code_at(secret, int(clock.now().timestamp()) // 30)
    assert other.post("/sign-in/code", code=code).status_code == 303 and other.is_in
    thief = open_browser()
    thief.sign_in()
    assert thief.post("/sign-in/code", code=code).status_code == 401, "each code holds once"
    assert thief.post("/sign-in/code", code=recovery[0].upper()).status_code == 303 and thief.is_in
    again = open_browser()
    again.sign_in()
    assert again.post("/sign-in/code", code=recovery[0]).status_code == 401
    assert "9 recovery codes are left" in mine.get("/account").text
    assert ("people.recovery_code_used", "Ola") in acts(ctx) and ("people.code_failed", "Ola") in acts(ctx)


def test_whoever_takes_long_between_the_two_factors_begins_anew(
    open_browser: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, slow = open_browser(), open_browser()
    mine.sign_in()
    secret, _ = switched_on(mine)
    slow.sign_in()
    code = two_factor.code_at(secret, int(clock.now().timestamp()) // 30)
    # TRAP: the clock of this module alone: with that of all the browser would throw the cookie away by itself.
    later = time.time() + sessions.HALFWAY_S + 1
    monkeypatch.setattr(sessions, "time", SimpleNamespace(time=lambda: later))
    assert slow.get("/sign-in/code").headers["location"] == "/sign-in"
    assert slow.post("/sign-in/code", code=code).status_code == 401 and not slow.is_in
    monkeypatch.undo()
    assert slow.post("/sign-in/code", code=code).status_code == 303, "the code was right, and is still good"


def test_nobody_skips_the_password_and_codes_cannot_be_guessed(ctx: Context, open_browser: Open) -> None:
    mine = open_browser()
    mine.sign_in()
    switched_on(mine)
    assert open_browser().post("/sign-in/code", code="123456").status_code == 401
    assert open_browser().get("/sign-in/code").headers["location"] == "/sign-in"
    guesser = open_browser()
    guesser.sign_in()
    said = [guesser.post("/sign-in/code", code=f"{i:06d}").status_code for i in range(6)]
    assert said == [401] * 5 + [429]
    mine.client.cookies.delete("tandem_sign_in")
    mine.sign_in()
    assert mine.post("/sign-in/code", code="000000").status_code == 401, "a known device is not held up by it"


@pytest.mark.parametrize(
    ("deed", "is_on"),
    [("two-factor", False), ("two-factor", True), ("two-factor/off", True), ("recovery-codes", True)],
)
def test_a_browser_left_open_is_not_enough_to_touch_the_second_factor(
    ctx: Context, mail: None, open_browser: Open, letters: Any, deed: str, is_on: bool
) -> None:
    """Each of these deeds asks for the password, does nothing without it, and does its work with it."""
    mine = open_browser()
    mine.sign_in()
    if is_on:
        switched_on(mine)

    def kept() -> str:
        with ctx.database.read() as c:
            codes = c.exec_driver_sql("select * from recovery_codes").all()
            return str((c.exec_driver_sql("select totp_sealed from people").all(), codes))

    before, told = kept(), len(letters())
    for given in ({}, {"password": ""}, {"password": "wrong"}, {"old": PASSWORD}):
        refused = mine.post(f"/account/{deed}", **given)
        assert (refused.status_code, "sealed" in refused.text) == (400, False), given
        assert not CODES.search(refused.text), given
    assert (kept(), len(letters())) == (before, told)
    done = mine.post(f"/account/{deed}", password=PASSWORD)
    assert done.status_code == 200
    assert "sealed" in done.text if deed == "two-factor" else kept() != before


def test_a_code_of_an_app_that_was_replaced_meanwhile_is_no_longer_good(
    ctx: Context, mail: None, open_browser: Open
) -> None:
    mine = open_browser()
    mine.sign_in()
    switched_on(mine)
    with ctx.database.read() as c:
        number, sealed = c.exec_driver_sql("select id, totp_sealed from people where totp_sealed != ''").one()
    user = store.active_user(ctx.database, number)
    assert user is not None
    assert not second_factor.use_step(ctx.database, user, "another secret", 1 << 40)
    assert second_factor.use_step(ctx.database, user, sealed, 1 << 40)


def test_the_password_cannot_be_guessed_through_any_deed(open_browser: Open) -> None:
    mine = open_browser()
    mine.sign_in()
    deeds = ["two-factor", "two-factor/off", "recovery-codes"] * 3
    said = [mine.post(f"/account/{deed}", password=f"guess {i}").status_code for i, deed in enumerate(deeds)]
    assert said == [400] * 8 + [429], "the tries of all deeds count together"
    assert mine.post("/account/two-factor", password=PASSWORD).status_code == 429


def test_a_reset_does_not_skip_the_second_factor_and_an_admin_can_switch_it_off(
    ctx: Context, open_browser: Open
) -> None:
    mine = open_browser()
    mine.sign_in()
    switched_on(mine)
    ola = store.user_by_email(ctx.database, "ola@fern.example")
    assert ola is not None
    lost = open_browser()
    answer = lost.post(f"/link/{links.make(ctx.database, ola, links.RESET)}", password=NEW)
    assert answer.headers["location"] == "/sign-in/code" and not lost.is_in
    second_factor.switch_off(ctx.database, ola)
    assert lost.sign_in(password=NEW).headers["location"] == "/" and lost.is_in


def test_who_set_the_app_up_under_another_key_comes_in_by_a_recovery_code(ctx: Context, open_browser: Open) -> None:
    mine = open_browser()
    mine.sign_in()
    _, recovery = switched_on(mine)
    ctx.vault = Vault("another key than before")
    again = open_browser()
    again.sign_in()
    assert again.post("/sign-in/code", code="000000").status_code == 401
    assert again.post("/sign-in/code", code=recovery[0]).status_code == 303 and again.is_in


def test_one_code_sent_twice_at_once_opens_one_session(ctx: Context, open_browser: Open) -> None:
    mine = open_browser()
    mine.sign_in()
    secret, _ = switched_on(mine)
    ola = store.user_by_email(ctx.database, "ola@fern.example")
    assert ola is not None
    code = two_factor.code_at(secret, int(clock.now().timestamp()) // 30)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: two_factor.accept(ctx, ola, code), range(8))) == 1


def test_a_strange_device_is_told_of_unless_the_user_does_not_want_it(
    ctx: Context, mail: None, open_browser: Open, letters: Any
) -> None:
    mine = open_browser()
    mine.sign_in()
    assert [kind for kind, _ in letters()] == ["sign_in"] and "Firefox, Linux" in letters()[0][1].text
    mine.client.cookies.delete("tandem_sign_in")
    mine.sign_in()
    assert len(letters()) == 1, "this device is known now"
    mine.post("/account/messages")
    open_browser().sign_in()
    assert len(letters()) == 1


def test_a_stranger_who_asks_for_a_link_voids_no_invitation(ctx: Context, site: Site, open_browser: Open) -> None:
    jan = store.add_user(ctx.database, site.workspace_id, "jan@fern.example", "Jan", "viewer", None)
    invited = links.make(ctx.database, jan, links.INVITE, by=1)
    links.make(ctx.database, jan, links.RESET)
    assert open_browser().get(f"/link/{invited}").status_code == 200


def test_whoever_stands_between_two_factors_is_out_when_the_password_changes(ctx: Context, open_browser: Open) -> None:
    mine, thief = open_browser(), open_browser()
    mine.sign_in()
    _, recovery = switched_on(mine)
    thief.sign_in()
    assert mine.post("/account/password", old=PASSWORD, new=NEW, again=NEW).status_code == 200
    assert thief.post("/sign-in/code", code=recovery[1]).status_code == 401 and not thief.is_in


def test_an_account_speaks_its_own_language_whoever_used_the_browser_before(ctx: Context, open_browser: Open) -> None:
    browser = open_browser()
    browser.client.cookies.set("tandem_language", "ru", domain="testserver.local", path="/")
    browser.sign_in()
    assert browser.client.cookies["tandem_language"] == "en"
    assert '<html lang="en"' in browser.get("/account").text


def test_a_language_that_is_none_is_taken_from_nobody(ctx: Context, open_browser: Open) -> None:
    browser = open_browser()
    browser.sign_in()
    browser.client.cookies.set("tandem_language", "de")
    assert browser.post("/settings/people", name="Jan", email="jan@fern.example", role="viewer").status_code < 300
    jan = store.user_by_email(ctx.database, "jan@fern.example")
    assert jan is not None and jan.language == "en"


@pytest.mark.parametrize("way", ["password", "two-factor"])
def test_who_no_longer_knows_the_password_is_told_what_helps_here(ctx: Context, open_browser: Open, way: str) -> None:
    """Without e-mail, signing out would lock them out for good: nobody sends them a link."""
    browser = open_browser()
    browser.sign_in()
    given = {"old": "wrong", "new": NEW, "password": "wrong"}
    said = browser.post(f"/account/{way}", **given).text
    assert "tandem user reset-link ola@fern.example" in said and "sign out" not in said
    ctx.config = msgspec.structs.replace(ctx.config, **MAIL)
    said = browser.post(f"/account/{way}", **given).text
    assert "sign out and use “Forgot password”" in said and "admin" not in said


def test_hosts_stand_in_their_own_letters_and_come_back_as_they_were(
    ctx: Context, site: Site, open_browser: Open
) -> None:
    hosts = ["xn--e1afmkfd.xn--p1ai", "xn--maana-pta.example:8080"]
    store.change_site(ctx.database, site, hosts=hosts)
    ctx.forget_sites()
    browser = open_browser()
    browser.sign_in()
    page = browser.get("/settings").text
    answer = page.partition('<p class="answer">')[2].partition("</p>")[0]
    assert "пример.рф, mañana.example:8080," in answer
    assert 'value="пример.рф, mañana.example:8080"' in page
    saved = browser.post(f"/settings/sites/{site.key}", name="Fern", hosts="пример.рф, mañana.example:8080")
    assert saved.status_code == 200 and "xn--" not in saved.text.partition('id="audit"')[2]
    assert [list(s.hosts) for s in store.all_sites(ctx.database) if s.key == site.key] == [hosts]
    browser.post("/settings/sites", host="https://сайт.рф/")
    assert "сайт.рф" in {s.name for s in store.all_sites(ctx.database)}


def test_a_new_site_leads_to_its_own_start_page(ctx: Context, site: Site, open_browser: Open) -> None:
    """The content was the new site's, the address, the header and the menu the old one's."""
    browser = open_browser()
    browser.sign_in()
    answer = browser.post("/settings/sites", host="https://магазин.рф/каталог?utm=1")
    assert answer.headers["hx-redirect"] == "/start?site=magazin"


def test_every_form_of_the_settings_stays_on_its_site(ctx: Context, site: Site, open_browser: Open) -> None:
    store.add_site(ctx.database, site.workspace_id, "oak", "Oak", ["oak.example"])
    ctx.forget_sites()
    browser = open_browser()
    browser.sign_in()
    page = browser.get("/settings?site=oak").text
    forms = set(re.findall(r'hx-post="(/settings/[^"]+)"', page)) - {
        "/settings/me",
        "/settings/sites",
        "/settings/sites/oak",
    }
    assert forms and all(address.endswith("?site=oak") for address in forms)
    invited = browser.post("/settings/people?site=oak", name="Jan", email="jan@fern.example", role="viewer").text
    assert "The script for Oak" in invited
    assert "The script for Oak" in browser.post("/settings/tokens?site=oak", name="CI", **{"events:write": "1"}).text
