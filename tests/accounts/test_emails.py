"""One check of an e-mail address, wherever one is taken."""

import pytest

from tandem.accounts import store
from tandem.accounts.model import checked_email, email_of
from tandem.base.database import Database
from tandem.base.errors import UserError

NONE = (
    "", "a", "@", "a@", "@b", "a@\0", "a\0@shop.example", "a@shop.example\0", "a@shop\x07.example", "a b@shop.example",
    "a@shop.example\nBcc: all@shop.example", "a@@shop.example", "a@shop..example", "a@.example", "a@-shop.example",
    "a\u200b@shop.example", "a@shop\u202e.example", "a@shop.example,b@shop.example", "<a@shop.example>",
    '"a"@shop.example', "a@[192.0.2.1]", "x" * 65 + "@shop.example", "a@" + "x" * 64 + ".example",
    "a@" + "shop." * 60 + "example", "\ud800@shop.example",
)  # fmt: skip
SOME = (
    "anna@shop.example", "Anna.O'Brien+news@Shop.example", "a@localhost", "anna@xn--80ak6aa92e.com", "анна@почта.рф",
    "łucja_k@sklep-ż.pl", "a!#$%&*/=?^`{|}~@shop.example", "a@1.example", " anna@shop.example ",
)  # fmt: skip


@pytest.mark.parametrize("text", NONE, ids=repr)
def test_what_is_no_address_is_refused_and_said_without_its_hidden_signs(text: str) -> None:
    assert email_of(text) is None
    with pytest.raises(UserError, match="not an e-mail address") as told:
        checked_email(text)
    assert str(told.value).isprintable()


def test_nothing_is_written_for_it_and_nobody_is_found_by_it(any_database: Database) -> None:
    workspace = store.make_workspace(any_database, "Fern")
    for text in NONE:
        with pytest.raises(UserError, match="not an e-mail address"):
            store.add_user(any_database, workspace, text, "Anna", "viewer", None)
        with pytest.raises(UserError, match="not an e-mail address"):
            store.set_up(any_database, "Fern", text, "Anna", "a long pass phrase", "", ["fern.example"], "UTC", "EUR")
        assert store.user_by_email(any_database, text) is None
        assert not store.is_known(any_database, text)
        assert store.check_password(any_database, text, "a long password") is None
    assert store.users_of(any_database, workspace) == []


@pytest.mark.parametrize("text", SOME)
def test_an_address_is_taken_trimmed_and_in_lower_case(text: str) -> None:
    assert email_of(text) == checked_email(text) == text.strip().lower()
