"""What monitoring and people at a terminal read of `/healthz`."""

import pytest

from tandem.accounts.model import Site
from tandem.app import healthz
from tandem.base.errors import UserError
from tandem.collect import health
from tandem.core.context import Context
from tests.inside import opened_by_admin
from tests.served import Running

FULL = "The disk of the data folder has only %(free)s MB free."


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is nearly full, and more trouble behind that."""
    told = [
        UserError(FULL, "Free some space.", status=503, free=7),
        UserError("The clock has moved.", "Set it.", status=503),
    ]
    monkeypatch.setattr(health, "troubles", lambda ctx: iter(told))


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "text/html,*/*;q=0.8"])
def test_trouble_is_told_in_two_lines_of_text(ctx: Context, site: Site, full: None, accept: str) -> None:
    with opened_by_admin(ctx, site, [healthz]) as client:
        said = client.get("/healthz", headers={"accept": accept})
    assert (said.status_code, said.headers["content-type"]) == (503, "text/plain; charset=utf-8")
    assert said.text == "The disk of the data folder has only 7 MB free.\nFree some space.\n"


def test_trouble_is_told_as_json_where_that_is_asked_for(ctx: Context, site: Site, full: None) -> None:
    with opened_by_admin(ctx, site, [healthz]) as client:
        said = client.get("/healthz", headers={"accept": "application/json"})
    assert (said.status_code, said.headers["content-type"]) == (503, "application/json")
    assert said.json() == {"error": "The disk of the data folder has only 7 MB free.", "hint": "Free some space."}


def test_a_real_trouble_is_told_with_its_cure(ctx: Context, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ctx.config.folder.mkdir(exist_ok=True)
    with opened_by_admin(ctx, site, [healthz]) as client:
        well = client.get("/healthz")
        monkeypatch.setattr(health, "LEAST_FREE", 1 << 62)
        trouble = client.get("/healthz").text.splitlines()
    assert (well.status_code, well.text) == (200, "ok")
    assert trouble[1:] == ["Free some space: collectors answer 503 when the disk is full."]


@pytest.mark.parametrize(
    "path", ["/healthz", "/board", "/sign-in", "/t/tandem.js", "/no-such-page", "/static/site.css"]
)
def test_head_is_answered_as_get_is_without_a_body(running: Running, path: str) -> None:
    """Monitors of uptime ask so, and were told that the method is not allowed."""
    with running.as_person("admin") as browser:
        got, head = browser.get(path), browser.head(path)
    assert (head.status_code, head.headers.get("content-type")) == (got.status_code, got.headers.get("content-type"))
    assert head.content == b""
