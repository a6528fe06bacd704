"""Main goals: what conversions rest on, and what is a step on the way."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from tandem import collect
from tandem.accounts import store as accounts
from tandem.accounts.model import Site
from tandem.base import clock
from tandem.base.database import Database
from tandem.base.errors import UserError
from tandem.base.warehouse import Warehouse
from tandem.collect import rebuild, store
from tandem.collect.model.goal import FILE, LONGEST_NAME, Goal, checked_match, main_by_orders
from tandem.collect.model.hit import split_url
from tandem.collect.routes import ROUTES
from tandem.collect.tables import goals as goals_table
from tandem.core.context import Context
from tandem.core.query import Filter, Question
from tandem.core.slice import Recount
from tandem.metrics.ask import CachedRunner
from tests.collect.conftest import MINUTE, NOON, Load, told
from tests.inside import opened_by_admin
from tests.served import eventually

METRICS = ("collect.conversions", "collect.converted_visits", "collect.conversion_rate", "collect.goals_reached")


def shop(ctx: Context, site: Site, load: Load) -> None:
    """Three visits: one only looks, one fills the cart, one buys: a cart, a checkout and a purchase."""
    load(
        told(site.id, 1, NOON),
        told(site.id, 2, NOON, path="/cart"),
        told(site.id, 3, NOON, path="/cart"),
        told(site.id, 3, NOON + MINUTE, path="/checkout"),
        told(site.id, 3, NOON + 2 * MINUTE, "event", name="purchase", amount="60"),
    )


def asked(ctx: Context, site: Site, *where: Filter, by: tuple[str, ...] = ()) -> list[tuple[object, ...]]:
    runner: CachedRunner = ctx.runner
    runner.look_again()
    names = METRICS if not by else ("collect.goals_reached",)
    question = Question(
        site=site.id, zone=site.zone, metrics=names, since=NOON - timedelta(days=1), until=NOON + timedelta(days=1),
        by=by, where=where,
    )  # fmt: skip
    return [(*row.key, *(row.metrics[n] for n in names)) for row in runner.ask(question).rows]


def test_one_sale_is_one_conversion_whatever_steps_lead_to_it(ctx: Context, site: Site, load: Load) -> None:
    purchase = store.add_goal(ctx.database, site, "Purchase", "event", "purchase")
    cart = store.add_goal(ctx.database, site, "Cart", "page", "/cart")
    checkout = store.add_goal(ctx.database, site, "Checkout", "page", "/checkout")
    assert (purchase.is_main, cart.is_main, checkout.is_main) == (True, False, False), "a site's first goal is main"
    shop(ctx, site, load)
    assert asked(ctx, site) == [(1, 1, pytest.approx(1 / 3), 4)]
    assert asked(ctx, site, by=("goal",)) == [(str(cart.id), 2), (str(purchase.id), 1), (str(checkout.id), 1)]
    in_cart = Filter("goal", "is", (str(cart.id),))
    assert asked(ctx, site, in_cart) == [(1, 1, 0.5, 2)], "of those who filled the cart, half bought"


def test_another_choice_counts_at_once_over_all_history(ctx: Context, site: Site, load: Load) -> None:
    purchase = store.add_goal(ctx.database, site, "Purchase", "event", "purchase")
    cart = store.add_goal(ctx.database, site, "Cart", "page", "/cart")
    shop(ctx, site, load)
    rebuild.note_rebuilt(ctx.database, site)
    store.choose_main(ctx.database, site, cart.id, True)
    assert asked(ctx, site)[0][:2] == (3, 2), "a few can be main: each hit counts, each visit once"
    store.choose_main(ctx.database, site, purchase.id, False)
    assert asked(ctx, site)[0][:2] == (2, 2)
    assert rebuild.is_rebuilt(ctx.database, site), "nothing need be derived again"
    with pytest.raises(UserError, match="need a main goal"):
        store.choose_main(ctx.database, site, cart.id, False)
    with pytest.raises(UserError, match="no such goal"):
        store.choose_main(ctx.database, site, 999_999, True)


def test_a_step_makes_no_visit_engaged(ctx: Context, site: Site, load: Load) -> None:
    """A step that every page meets made the engagement rate 100%."""
    purchase = store.add_goal(ctx.database, site, "Purchase", "event", "purchase")
    pages = store.add_goal(ctx.database, site, "All pages", "page", "/*")
    load(told(site.id, 4, NOON), told(site.id, 4, NOON, "event", name="purchase", amount="60"))
    shop(ctx, site, load)

    def engagement() -> list[object]:
        ctx.runner.look_again()
        names = ("collect.engaged_visits", "collect.bounced_visits", "collect.engagement_rate")
        day = timedelta(days=1)
        total = ctx.runner.ask(Question(
            site=site.id, zone=site.zone, metrics=names, since=NOON - day, until=NOON + day
        )).total  # fmt: skip
        return [total[name] for name in names]

    assert engagement() == [2, 2, 0.5], "one read two pages, one bought on its only page"
    by_time_and_pages = "select sum(is_engaged) from visits where site = {site:UInt32}"
    assert ctx.warehouse.ask(by_time_and_pages, {"site": site.id}).rows == [(1,)]
    store.choose_main(ctx.database, site, pages.id, True, alone=True)
    assert engagement() == [4, 0, 1.0], "another choice counts at once"
    store.choose_main(ctx.database, site, purchase.id, True, alone=True)
    assert engagement() == [2, 2, 0.5]


def test_without_a_main_goal_there_is_no_metric_rather_than_a_wrong_one(ctx: Context, site: Site, load: Load) -> None:
    goal = store.add_goal(ctx.database, site, "Cart", "page", "/cart")
    store.add_goal(ctx.database, site, "Checkout", "page", "/checkout")
    shop(ctx, site, load)
    with pytest.raises(UserError, match="need a main goal"):
        store.retire_goal(ctx.database, site, goal.id)
    with ctx.database.write() as c:  # as a site of an older version stands after the migration
        c.execute(goals_table.update().values(is_main=False))
    assert store.main_goals(ctx.database, site.id) == ()
    assert asked(ctx, site)[0][:3] == (None, None, None)


def test_an_existing_site_gets_the_goal_that_orders_reach(ctx: Context, site: Site, load: Load) -> None:
    first = store.add_goal(ctx.database, site, "Cart", "page", "/cart")
    purchase = store.add_goal(ctx.database, site, "Purchase", "event", "purchase")
    shop(ctx, site, load)
    assert store.choose_main_by_orders(ctx.warehouse, ctx.database, site) is None, "somebody has chosen"
    with ctx.database.write() as c:  # as a site of an older version stands after the migration
        c.execute(goals_table.update().values(is_main=False))
    rebuild.rebuild_where_needed(ctx)
    assert store.main_goals(ctx.database, site.id) == (purchase.id,)
    assert first.id != purchase.id


def test_the_goal_called_purchase_comes_before_others_that_orders_reach() -> None:
    goals = [
        Goal(id=n, site_id=1, name=name, kind="event", match=name) for n, name in ((1, "add_to_cart"), (2, "Purchase"))
    ]
    assert main_by_orders(goals, {1: 900, 2: 40}) == goals[1]
    assert main_by_orders(goals, {1: 900}) == goals[0]
    assert main_by_orders(goals, {}) is None


def test_a_retired_goal_no_longer_counts_though_history_still_holds_it(ctx: Context, site: Site, load: Load) -> None:
    """Until history was derived again, retired goals stood in the sum."""
    purchase = store.add_goal(ctx.database, site, "Purchase", "event", "purchase")
    cart = store.add_goal(ctx.database, site, "Cart", "page", "/cart")
    store.choose_main(ctx.database, site, cart.id, True)
    shop(ctx, site, load)
    rebuild.note_rebuilt(ctx.database, site)
    assert asked(ctx, site)[0][0] == 3
    store.retire_goal(ctx.database, site, cart.id)
    settled = frozenset({purchase.id})
    assert rebuild.recounted(ctx, site) == Recount(share=0.0, is_all=False, settled_goals=settled, is_main_settled=True)
    assert asked(ctx, site)[0][0] == 1


def test_a_new_site_is_not_being_recounted(ctx: Context, site: Site) -> None:
    assert rebuild.recounted(ctx, site) is None
    rebuild.note_rebuilt(ctx.database, site)
    assert rebuild.recounted(ctx, site) is None
    store.add_goal(ctx.database, site, "Cart", "page", "/cart")
    assert rebuild.recounted(ctx, site) == Recount(share=0.0, is_all=False)


def test_who_changes_goals_sees_it_at_once_and_others_a_moment_later(ctx: Context, site: Site) -> None:
    elsewhere = Database(ctx.database.dsn)
    first = store.add_goal(ctx.database, site, "Order", "event", "order")
    assert store.main_goals(ctx.database, site.id) == store.main_goals(elsewhere, site.id) == (first.id,)
    second = store.add_goal(ctx.database, site, "Lead", "event", "lead")
    store.choose_main(ctx.database, site, second.id, True, alone=True)
    assert store.main_goals(ctx.database, site.id) == (second.id,)
    store.choose_main(ctx.database, site, first.id, True)
    store.retire_goal(ctx.database, site, second.id)
    assert store.main_goals(ctx.database, site.id) == (first.id,)
    eventually(lambda: store.main_goals(elsewhere, site.id) == (first.id,))
    elsewhere.close()


def test_the_page_adds_up_no_steps(ctx: Context, site: Site, load: Load) -> None:
    """Basket, checkout and purchase of one sale are not three of anything."""
    accounts.add_user(ctx.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    main = store.add_goal(ctx.database, site, "Purchase", "event", "purchase")
    store.add_goal(ctx.database, site, "Checkout", "event", "checkout")
    with opened_by_admin(ctx, site, ROUTES) as browser:
        page = " ".join(browser.get("/goals?site=fern").text.split())
    assert main.is_main and "2 goals. “Purchase” was reached 0 times in the last 30 days." in page
    assert "“Checkout” was reached" not in page


def test_the_only_main_goal_says_why_it_cannot_be_retired(ctx: Context, site: Site) -> None:
    """It asked, and then refused."""
    accounts.add_user(ctx.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    reason = "Conversions need a main goal."
    store.add_goal(ctx.database, site, "Purchase", "event", "purchase")
    with opened_by_admin(ctx, site, ROUTES) as browser:
        page = browser.get("/goals").text
        assert 'aria-label="Archive Purchase"' in page and reason not in page, "without others it may go"
        cart = store.add_goal(ctx.database, site, "Cart", "page", "/cart")
        page = browser.get("/goals").text
        assert 'aria-label="Archive Purchase"' not in page and reason in page and 'aria-label="Archive Cart"' in page
        store.choose_main(ctx.database, site, cart.id, True)
        page = browser.get("/goals").text
        assert 'aria-label="Archive Purchase"' in page and reason not in page


def test_a_first_goal_says_that_it_is_main_and_a_later_one_is_not(ctx: Context, site: Site) -> None:
    accounts.add_user(ctx.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    page = {"name": "Two", "kind": "page", "match": "/two"}
    with opened_by_admin(ctx, site, ROUTES) as client:
        first = client.post("/goals", data=page).text
        assert (
            "“Two” is the first goal, so it is now the main goal" in first
            and "If it is only a step along the way" in first
        )
        assert "it is now the main goal" not in client.post("/goals", data=page | {"name": "Three"}).text


def test_a_goal_that_is_not_counted_yet_is_not_said_to_be_reached_0_times(ctx: Context, site: Site, load: Load) -> None:
    accounts.add_user(ctx.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    purchase = store.add_goal(ctx.database, site, "Purchase", "event", "purchase")
    load(told(site.id, 1, clock.now() - MINUTE), told(site.id, 1, clock.now() - MINUTE, "event", name="purchase"))
    store.add_goal(ctx.database, site, "Cart", "page", "/cart")
    ctx.look_again()
    with opened_by_admin(ctx, site, ROUTES) as client:

        def rows() -> dict[str, str]:
            cells = re.findall(r'<td class="num"[^>]*>(.*?)</td>', client.get("/goals").text)
            return dict(zip(("Cart", purchase.name), (re.sub("<[^>]+>", " ", c).strip() for c in cells), strict=True))

        ctx.offers.recounted = lambda _: Recount(share=0.4, is_all=False)
        assert rows() == {"Cart": "—  being recounted, 40%", "Purchase": "1  being recounted, 40%"}
        assert "was reached" not in client.get("/goals").text
        settled = frozenset({purchase.id})
        ctx.offers.recounted = lambda _: Recount(share=0.4, is_all=False, settled_goals=settled, is_main_settled=True)
        assert rows() == {"Cart": "—  being recounted, 40%", "Purchase": "1"}
        page = client.get("/goals").text
        answer = page.partition('id="goals-answer"')[2].partition("</p>")[0]
        assert "“Purchase” was reached once" in answer and "recounted" not in answer and "every 2s" in answer
        ctx.offers.recounted = lambda _: None
        assert rows() == {"Cart": "0", "Purchase": "1"}
        assert "“Purchase” was reached once" in client.get("/goals").text


def test_the_page_asks_again_while_goals_are_recounted(ctx: Context, site: Site) -> None:
    accounts.add_user(ctx.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    store.add_goal(ctx.database, site, "Two", "page", "/two")
    with opened_by_admin(ctx, site, ROUTES) as client:
        ctx.offers.recounted = lambda _: Recount(share=0.0, is_all=False)
        assert 'hx-trigger="every 2s"' in client.get("/goals").text
        ctx.offers.recounted = lambda _: None
        assert 'hx-trigger="every 2s"' not in client.get("/goals").text


@pytest.mark.parametrize(
    ("pasted", "path"),
    [
        ("https://shop.example/thank-you", "/thank-you"), (" HTTPS://shop.example:8080/a/* ", "/a/*"),
        ("https://shop.example", "/"), ("https://shop.example/app#/done", "/app#/done"), (" /cart ", "/cart"),
        ("*/done", "*/done"), ("https://shop.example/thank-you?x=1", "/thank-you"), ("/thank-you?", "/thank-you"),
        ("http://localhost:8519/каталог?x=1#part", "/каталог"), ("/%D0%BA%d0%b0%D1%82%D0%B0#top", "/ката"),
        ("https://shop.example?x=1", "/"), ("/app?x=1#/done?y", "/app#/done"), ("/%d0%ba*", "/к*"),
        ("/a/../b", "/b"), ("/a%2fb c", "/a%2Fb%20c"), ("/" + "%D0%BA" * 200, "/" + "к" * 200),
    ],
)  # fmt: skip
def test_a_page_goal_is_the_path_of_a_pasted_address(pasted: str, path: str) -> None:
    assert checked_match("Order", "page", pasted) == path
    assert checked_match("Order", "event", "https://shop.example/x?y") == "https://shop.example/x?y"


HOW_PASTED = (
    "https://пример.рф/спасибо", '"https://пример.рф/спасибо"', "view-source:https://пример.рф/спасибо",
    "https%3A%2F%2Fпример.рф%2Fспасибо", "https:/пример.рф/спасибо", "пример.рф/спасибо", "www.пример.рф/спасибо",
    "//пример.рф/спасибо", "xn--e1afmkfd.xn--p1ai/спасибо", "«https://пример.рф/спасибо»", "(пример.рф/спасибо)",
    "‹https://пример.рф/спасибо>", "[Спасибо](https://пример.рф/спасибо)", "**https://пример.рф/спасибо**",
    "Страница спасибо: https://пример.рф/спасибо", "https://u:p@пример.рф/спасибо", "https://пример.рф/спасибо,",
    '"/спасибо"', "«/спасибо»", "(/спасибо)", "\u200b/спасибо",
)  # fmt: skip
RF = ["xn--e1afmkfd.xn--p1ai"]


@pytest.mark.parametrize("pasted", HOW_PASTED)
def test_however_an_address_is_pasted_it_is_a_page_and_no_event(pasted: str) -> None:
    assert checked_match("Order", "page", pasted, RF) == "/спасибо"
    with pytest.raises(UserError) as told:
        checked_match("Order", "event", pasted, RF)
    assert "kind page" in told.value.hint and told.value.values["value"] == pasted


@pytest.mark.parametrize(
    ("typed", "path"),
    [
        ("https://пример.рф/Fern_(plant)", "/Fern_(plant)"), ("(https://пример.рф/a_(b))", "/a_(b)"),
        ("**/done", "**/done"), ("/a,", "/a,"), ("*/a)", "*/a)"), ("пример.рф", "/"),
        ("https://пример.рф/my page", "/my%20page"),
    ],
)  # fmt: skip
def test_what_belongs_to_a_path_stays(typed: str, path: str) -> None:
    assert checked_match("Order", "page", typed, RF) == path


@pytest.mark.parametrize(
    "typed", ["https://a.example/a https://a.example/b", "https://a.example/a,https://a.example/b", "/a, /b", "/a /b"]
)
def test_two_addresses_are_no_page_goal(typed: str) -> None:
    with pytest.raises(UserError, match="more than one address") as told:
        checked_match("Order", "page", typed, ["a.example"])
    assert told.value.field == "match"


@pytest.mark.parametrize("typed", ['"thanks"', "see https://a.example/b", "other.example/thanks", "thanks.html?x=1"])
def test_a_refused_path_is_quoted_as_it_was_typed(typed: str) -> None:
    with pytest.raises(UserError) as told:
        checked_match("Order", "page", typed, ["a.example"])
    assert told.value.what == f"“{typed}” is not a path."


def test_the_field_takes_no_longer_name_than_the_server(ctx: Context, site: Site) -> None:
    accounts.add_user(ctx.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    with opened_by_admin(ctx, site, ROUTES) as client:
        assert f'name="name" required maxlength="{LONGEST_NAME}"' in client.get("/goals").text


@pytest.mark.parametrize(
    ("pasted", "is_told"),
    [("https://other.example/foreign", True), ("https://Fern.example:8080/foreign", False), ("/foreign", False)],
)
def test_an_address_of_another_site_is_told(ctx: Context, site: Site, pasted: str, is_told: bool) -> None:
    accounts.add_user(ctx.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    with opened_by_admin(ctx, site, ROUTES) as client:
        page = client.post("/goals", data={"name": "Order", "kind": "page", "match": pasted}).text
    assert ("other.example is not one of this site&#39;s hosts" in page) == is_told


@pytest.mark.parametrize(
    "typed", ["/thank-you", "/blog/*", "*/done", "https://fern.example/thanks.html", "HTTP://www.Fern.example:80/?x=1"]
)
def test_a_page_is_no_event_unless_the_site_has_sent_one_of_that_name(typed: str) -> None:
    with pytest.raises(UserError) as told:
        checked_match("Order", "event", typed, ["fern.example"])
    assert told.value.field == "match" and "kind page" in told.value.hint
    assert checked_match("Order", "event", typed, ["fern.example"], is_event=lambda name: name == typed) == typed


@pytest.mark.parametrize("name", ["purchase", "https://partner.example/buy", "https://fern.example/prices.PDF"])
def test_links_to_other_sites_and_files_are_events_named_by_their_address(name: str) -> None:
    assert checked_match("Order", "event", name, ["fern.example"]) == name


def test_a_file_is_what_the_counter_takes_for_one() -> None:
    source = (Path(collect.__file__).parent / "static" / "tandem.src.js").read_text("utf-8")
    assert f"/{FILE.pattern}/i;" in source


def test_a_form_without_a_name_is_an_event_named_by_its_path(ctx: Context, site: Site, load: Load) -> None:
    accounts.add_user(ctx.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    load(told(site.id, 7, NOON, kind="form", name="/contact"))
    with opened_by_admin(ctx, site, ROUTES) as client:
        goal = {"name": "Contact", "kind": "event"}
        assert client.post("/goals", data=goal | {"match": "/thank-you"}).status_code == 400
        assert client.post("/goals", data=goal | {"match": "/contact"}).status_code == 200


@pytest.mark.parametrize(
    ("pasted", "path", "sign"),
    [
        ("/index.php?page=thanks", "/index.php", "?"), ("https://fern.example/?utm=1", "/", "?"),
        ("/app?x=1#/done", "/app#/done", "?"), ("/app#/done?y", "/app#/done", "?"), ("/a#top", "/a", "#"),
        ("/a?", "/a", ""), ("/app#/done", "/app#/done", ""), ("/a/*", "/a/*", ""),
    ],
)  # fmt: skip
def test_what_a_page_goal_leaves_out_is_told(ctx: Context, site: Site, pasted: str, path: str, sign: str) -> None:
    accounts.add_user(ctx.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    with opened_by_admin(ctx, site, ROUTES) as client:
        page = client.post("/goals", data={"name": "Order", "kind": "page", "match": pasted}).text
    said = f"Only the path counts: {path}. What follows {sign} was left out, so every view of this page"
    assert (said in page) == bool(sign) and ("was left out" in page) == bool(sign)


@pytest.mark.parametrize("typed", ["*/../done", "*/./done", "shop.example/thanks", "?x=1", "/" + "к" * 300])
def test_a_page_goal_that_no_path_meets_is_refused(typed: str) -> None:
    with pytest.raises(UserError) as told:
        checked_match("Order", "page", typed)
    assert told.value.field == "match"


def test_a_pasted_goal_in_letters_of_any_script_is_reached(
    ctx: Context, site: Site, load: Load, warehouse: Warehouse
) -> None:
    """What browsers send of such a page is escaped; what people paste is not."""
    goal = store.add_goal(ctx.database, site, "Catalogue", "page", "http://localhost:8519/каталог?x=1")
    address = "http://localhost:8519/%D0%BA%D0%B0%D1%82%D0%B0%D0%BB%D0%BE%D0%B3?y=2"
    load(told(site.id, 7, NOON, path=split_url(address)[1]))
    assert goal.match == "/каталог"
    visits = "select entry, conversions from visits where site = {site:UInt32}"
    assert warehouse.ask(visits, {"site": site.id}).rows == [("/каталог", 1)]


def test_an_archived_goal_comes_back_as_what_it_was(ctx: Context, site: Site) -> None:
    accounts.add_user(ctx.database, site.workspace_id, "ola@fern.example", "Ola", "admin", "a long password")
    purchase = store.add_goal(ctx.database, site, "Purchase", "event", "purchase")
    cart = store.add_goal(ctx.database, site, "Cart", "page", "/cart")
    with opened_by_admin(ctx, site, ROUTES) as browser:
        page = browser.post(f"/goals/{cart.id}/retire?site={site.key}").text
        assert "“Cart” is archived." in page and page.count(f'action="/goals/{cart.id}/restore?site={site.key}"') == 2
        assert store.goals_of(ctx.database, site) == [purchase]
        assert store.archived_goals(ctx.database, site) == [cart]
        again = store.add_goal(ctx.database, site, "Cart", "page", "/basket")
        taken = browser.post(f"/goals/{cart.id}/restore?site={site.key}")
        assert taken.status_code == 400 and "There is already a goal called “Cart”." in taken.text
        browser.post(f"/goals/{again.id}/retire?site={site.key}")
        page = browser.post(f"/goals/{cart.id}/restore?site={site.key}").text
    assert "1 archived goal<" in page
    assert store.goals_of(ctx.database, site) == [purchase, cart]
    with pytest.raises(UserError, match="no such goal"):
        store.restore_goal(ctx.database, site, cart.id)
