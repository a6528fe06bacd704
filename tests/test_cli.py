"""The command line: what it does, and what it says when something does not fit."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tandem import __version__
from tests.maintenance.conftest import here, in_house, installed, tandem

SETUP = ("setup", "--company", "Fern & Oak", "--host", "shop.example", "--email", "Anna@Shop.example", "--name", "Anna")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that has been set up."""
    folder = tmp_path_factory.mktemp("cli") / "data"
    done = here(folder, *SETUP, TANDEM_PASSWORD="correct horse battery")
    assert done.returncode == 0, done.stderr
    assert '<script defer src="http://127.0.0.1:8080/t/tandem.js" data-site="main"></script>' in done.stdout
    return folder


@pytest.mark.process
def test_the_version_is_printed(tmp_path: Path) -> None:
    assert installed(tmp_path, "version").stdout.strip() == __version__


@pytest.mark.process
def test_help_waits_for_no_slice() -> None:
    code = "import sys, tandem.cli; print(*({'litestar', 'sqlalchemy', 'structlog', 'tandem.app'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.process
def test_the_admin_can_sign_in_with_the_password_that_was_piped_in(tmp_path: Path) -> None:
    assert installed(tmp_path / "data", *SETUP, typed="piped in by a script\n").returncode == 0
    found = in_house(tmp_path / "data", """
from tandem.accounts.store import sign_in
answer = [sign_in(ctx.database, "anna@shop.example", p) is not None for p in ("piped in by a script", "else")]
""")  # fmt: skip
    assert found == [True, False]


@pytest.mark.process
def test_setting_up_twice_is_refused(shop: Path) -> None:
    done = tandem(shop, *SETUP, TANDEM_PASSWORD="correct horse battery")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Tandem is set up here already.\n")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("--email", "anna"), "is not an e-mail address"),
        (("--host", "our shop"), "cannot be the address of a site"),
        (("--zone", "Mars/Base"), "is not a time zone"),
        (("--currency", "euro"), "is not a currency"),
        (("--key", "My Shop"), "cannot be a site key"),
        (("--company", " "), "has no name"),
    ],
)
def test_nothing_is_set_up_when_a_field_does_not_fit(tmp_path: Path, changed: tuple[str, str], said: str) -> None:
    words = list(SETUP)
    if changed[0] in words:
        words[words.index(changed[0]) + 1] = changed[1]
    else:
        words += changed
    done = here(tmp_path / "data", *words, TANDEM_PASSWORD="correct horse battery")
    assert done.returncode == 2
    assert said in done.stderr
    again = here(tmp_path / "data", "person", "list")
    assert "Tandem is not set up here yet." in again.stderr


def test_a_short_password_is_refused(tmp_path: Path) -> None:
    done = here(tmp_path / "data", *SETUP, typed="short\n")
    assert done.returncode == 2 and "too short" in done.stderr


def test_sites_are_added_and_listed(shop: Path) -> None:
    done = here(
        shop, "site", "add", "blog", "--host", "blog.example", "--host", "www.blog.example", "--mode", "consent"
    )
    assert done.returncode == 0 and 'data-site="blog" data-mode="consent"' in done.stdout
    listed = here(shop, "site", "list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["main", "blog"]
    made = here(shop, "site", "add", "", "--host", "news.example")
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("news is now measured.") and 'data-site="news"' in made.stdout
    again = here(shop, "site", "add", "blog", "--host", "another.example")
    assert again.returncode == 2 and "already a site with the key “blog”" in again.stderr
    wrong = here(shop, "site", "add", "other", "--host", "o.example", "--mode", "spy")
    assert wrong.returncode == 2 and "cookieless, cookie, consent" in wrong.stderr


def test_people_are_added_and_listed(shop: Path) -> None:
    words = ("person", "add", "jan@shop.example", "--name", "Jan", "--role")
    done = here(shop, *words, "engineering", TANDEM_PASSWORD="correct horse battery")
    assert done.stdout == "Jan can sign in as jan@shop.example, with the role engineering.\n"
    assert "jan@shop.example" in here(shop, "person", "list").stdout
    for role, extra, said in (
        ("boss", (), "is not a role"), ("viewer", ("--language", "xx"), "is not a language"),
        ("viewer", (), "already has an account"),
    ):  # fmt: skip
        wrong = here(shop, *words, role, *extra, TANDEM_PASSWORD="correct horse battery")
        assert wrong.returncode == 2 and said in wrong.stderr


def test_a_token_is_printed_alone_so_that_scripts_can_take_it(shop: Path) -> None:
    done = here(shop, "token", "make", "pipeline", "--scope", "changes:write", "--site", "main", "--days", "30")
    assert re.fullmatch(r"tdm_[\w-]{43}\n", done.stdout)
    for words, said in (
        (("--scope", "everything"), "is not a scope"),
        (("--scope", "changes:write", "--as", "eve@x.example"), "No user has the address"),
        (("--scope", "changes:write", "--site", "nope"), "There is no site “nope”."),
    ):
        wrong = here(shop, "token", "make", "pipeline", *words)
        assert (wrong.returncode, wrong.stdout) == (2, "") and said in wrong.stderr


def test_a_change_with_an_id_is_kept_once(shop: Path) -> None:
    words = ("change", "add", "Deployed 4.22", "--site", "main", "--id", "build-7", "--at", "2026-11-20T14:30+01:00")
    first, second = here(shop, *words), here(shop, *words)
    assert first.stdout == second.stdout
    assert first.stdout.endswith("of main: Deployed 4.22 (deploy, 2026-11-20 13:30 UTC).\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("",), "has no title"),
        (("Deployed", "--kind", "magic"), "is not a kind of change"),
        (("Deployed", "--at", "yesterday"), "is not a date and time"),
        (("Deployed", "--url", "javascript:alert(1)"), "is not a web address"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(shop: Path, words: tuple[str, ...], said: str) -> None:
    done = here(shop, "change", "add", *words, "--site", "main")
    assert done.returncode == 2 and said in done.stderr


def test_goals_are_added_and_listed(shop: Path) -> None:
    assert here(shop, "goal", "list", "--site", "main").stdout.startswith("There are no goals yet")
    assert (
        here(shop, "goal", "add", "Order", "--kind", "page", "--match", "/thank-you", "--site", "main").returncode == 0
    )
    assert here(shop, "goal", "list", "--site", "main").stdout == "Order  page  /thank-you  conversion\n"
    wrong = here(shop, "goal", "add", "Other", "--kind", "page", "--match", "thank-you", "--site", "main")
    assert wrong.returncode == 2 and "is not a path" in wrong.stderr


def test_a_site_must_be_chosen_where_there_are_several(shop: Path) -> None:
    here(shop, "site", "add", "third", "--host", "third.example")
    done = here(shop, "change", "add", "Deployed")
    assert done.returncode == 2
    assert "There are several sites." in done.stderr and "--site" in done.stderr


@pytest.mark.parametrize(
    "words", [("site", "list"), ("user", "list"), ("goal", "list"), ("change", "add", "x"), ("export", "a.csv")]
)
def test_before_setting_up_every_command_says_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = here(tmp_path / "data", *words)
    assert done.returncode == 2
    assert done.stderr == "Tandem is not set up here yet.\nRun `tandem setup` first.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nonsense",), "No such command 'nonsense'"),
        (("backup",), "Missing argument"),
        (("site", "add", "x"), "Missing option '--host'"),
        (("token", "make", "x", "--scope", "y", "--days", "soon"), "valid integer"),
        (("collect", "--workers", "0"), "greater than or equal to 1"),
        (("backup", "/tmp/\udcff.tar"), "The argument “/tmp/\\xff.tar” is not UTF-8.\nGive it in UTF-8; "),
        (("erase", "--person", "\udcff", "--yes"), "The argument “\\xff” is not UTF-8."),
        (("restore", "x.tar", "--into", "\udcff"), "The argument “\\xff” is not UTF-8."),
        (("site", "add", "\udcff", "--host", "a.example"), "The argument “\\xff” is not UTF-8."),
        (("rates", "import", "x" * 300), "Check the path."),
    ],
)
def test_what_is_typed_wrong_is_said_without_a_trace(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = here(tmp_path / "data", *words)
    assert done.returncode == 2
    assert said in done.stderr and "Traceback" not in done.stderr


@pytest.mark.process
def test_a_setting_that_does_not_fit_is_named(tmp_path: Path) -> None:
    done = tandem(tmp_path / "data", "doctor", TANDEM_MEMORY_MB="lots")
    assert done.returncode == 2
    assert done.stderr.startswith("TANDEM_MEMORY_MB is not valid")


@pytest.mark.process
def test_collectors_beside_an_event_store_in_process_say_how(tmp_path: Path) -> None:
    done = tandem(tmp_path / "data", "collect")
    assert done.returncode == 2
    assert "--no-load" in done.stderr


@pytest.mark.process
def test_a_rebuild_says_what_it_did_also_under_its_former_name(shop: Path) -> None:
    in_house(shop, "")
    assert sys.version_info >= (3, 11)
    first, second = tandem(shop, "rebuild", "--site", "main"), tandem(shop, "heal", "--site", "main", "--again")
    assert first.stdout.splitlines()[-1].startswith("main: ")
    assert second.stdout.splitlines()[-1] == "main: rebuilt."
    assert second.stderr.splitlines()[0] == (
        "`tandem heal` is now called `tandem rebuild`. The old name works until version 0.4."
    )
    assert "is now called" not in first.stderr


def test_former_names_on_the_command_line_say_the_new_ones(shop: Path) -> None:
    note = "`tandem person` is now called `tandem user`. The old name works until version 0.4.\n"
    former, now = here(shop, "person", "list"), here(shop, "user", "list")
    assert (former.stdout, former.stderr, now.stderr) == (now.stdout, note, "")
    token = here(shop, "token", "make", "old", "--scope", "figures:read")
    assert token.stdout.startswith("tdm_") and token.stderr.startswith("`figures:read` is now called `metrics:read`.")


def test_a_locked_out_admin_gets_a_link_from_the_command_line(shop: Path) -> None:
    done = here(shop, "user", "reset-link", "anna@shop.example")
    assert re.fullmatch(r"http://127\.0\.0\.1:8080/link/[\w-]{43}\n", done.stdout), done.stderr
    assert "TANDEM_URL is not set, so the address above is http://127.0.0.1:8080." in done.stderr
    found = in_house(shop, f"""
from tandem.accounts import store
from tandem.accounts.store import links
from tandem.settings.two_factor import code_at, new_secret, switch_on
import time
links.use(ctx.database, {done.stdout.strip().rpartition("/")[2]!r}, "three green plants")
anna = store.check_password(ctx.database, "anna@shop.example", "three green plants")
secret = new_secret()
switch_on(ctx, anna, secret, code_at(secret, int(time.time()) // 30))
answer = store.active_user(ctx.database, anna.id).has_totp
""")  # fmt: skip
    assert found is True
    assert "two-factor" in here(shop, "user", "list").stdout
    assert "password only" in here(shop, "user", "disable-2fa", "anna@shop.example").stdout
    assert "two-factor" not in here(shop, "person", "list").stdout, "the former name of the command works"
    again = here(shop, "user", "disable-2fa", "anna@shop.example")
    assert again.returncode == 2 and "has no two-factor" in again.stderr
    assert here(shop, "user", "reset-link", "nobody@shop.example").returncode == 2
