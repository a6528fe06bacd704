"""What webhooks of GitHub and GitLab tell becomes changes; what they only mention does not."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tandem.base.errors import UserError
from tandem.changes.model import Change, checked, from_github, from_gitlab

REPLIES = Path(__file__).parent / "replies"


def told(name: str) -> Change | None:
    reply = json.loads((REPLIES / f"{name}.json").read_text())
    return (from_github if name.startswith("github") else from_gitlab)(reply["event"], reply["body"])


def test_a_github_deployment_is_a_deploy() -> None:
    change = told("github-deployment-success")
    assert change == Change(
        at=datetime(2026, 11, 20, 15, 21, 29, tzinfo=UTC),
        kind="deploy",
        scope="production",
        title="Deployed fern/shop main",
        author="ola",
        note="New checkout",
        url="https://ci.example/builds/7",
        source="github",
        external_id="deployment:145988746",
    )


def test_a_github_release_goes_by_its_tag_where_it_has_no_name() -> None:
    change = told("github-release-published")
    assert change is not None
    assert (change.title, change.author, change.external_id) == ("Released fern/shop 2.4.0", "jan", "release:17372790")
    assert change.at == datetime(2026, 11, 21, 8, tzinfo=UTC)


def test_a_gitlab_deployment_is_a_deploy_at_its_own_time_zone() -> None:
    change = told("gitlab-deployment-success")
    assert change is not None
    assert change.at == datetime(2026, 11, 20, 19, 50, tzinfo=UTC)
    assert (change.scope, change.title, change.author) == ("staging", "Deployed fern/shop 1.0.0", "Administrator")


def test_a_gitlab_release_counts_from_its_release() -> None:
    change = told("gitlab-release-created")
    assert change is not None
    assert (change.at, change.author) == (datetime(2026, 11, 3, 12, 55, 12, tzinfo=UTC), "Example User")


@pytest.mark.parametrize(
    "name", sorted(p.stem for p in REPLIES.glob("*.json") if not p.stem.endswith(("success", "published", "created")))
)
def test_what_did_not_succeed_is_no_change(name: str) -> None:
    assert told(name) is None


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        ("2026-11-20 21:50:00 +0200", 19),
        ("2026-11-20 21:50:00 UTC", 21),
        ("2026-11-20T21:50:00.123Z", 21),
        ("2026-11-20T21:50:00+02:00", 19),
        ("2026-11-20 21:50:00 -0330", 1),
    ],
)
def test_gitlab_writes_moments_in_many_ways(written: str, hour: int) -> None:
    change = from_gitlab("Deployment Hook", {"status": "success", "status_changed_at": written, "deployment_id": 1})
    assert change is not None
    assert change.at.astimezone(UTC).hour == hour


@pytest.mark.parametrize("written", ["", None, "yesterday", "2026-11-20 21:50:00", 7, {}, "9" * 500])
def test_a_moment_that_is_none_is_refused_with_a_sentence(written: Any) -> None:
    with pytest.raises(UserError):
        from_gitlab("Deployment Hook", {"status": "success", "status_changed_at": written})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.just("success")
    | st.just("2026-11-20T21:50:00Z"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "state", "creator", "name"]), inner, max_size=3)
    ),
    max_leaves=5,
)
KEYS = [
    "deployment_status",
    "deployment",
    "repository",
    "release",
    "project",
    "user",
    "commit",
    "environment",
    "ref",
    "url",
]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, JSON)), st.sampled_from(["published", "create", "success"])
)
def test_hostile_bodies_are_changes_or_refused_and_never_break(body: dict[str, Any], word: str) -> None:
    body |= {"action": word, "status": word}
    for event, read in (
        ("deployment_status", from_github),
        ("release", from_github),
        ("Deployment Hook", from_gitlab),
        ("Release Hook", from_gitlab),
    ):
        try:
            change = read(event, body)
        except UserError:
            continue
        assert change is None or checked(change)


def test_links_that_run_scripts_are_dropped() -> None:
    reply = json.loads((REPLIES / "github-deployment-success.json").read_text())
    reply["body"]["deployment_status"]["target_url"] = "javascript:alert(1)"
    change = from_github(reply["event"], reply["body"])
    assert change is not None
    assert change.url == ""


def test_a_delivery_without_an_id_does_not_stand_for_all_others() -> None:
    change = from_gitlab("Deployment Hook", {"status": "success", "status_changed_at": "2026-11-20 21:50:00 UTC"})
    assert change is not None
    assert change.external_id is None


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("kind", "party", "kind of change"),
        ("title", "  ", "no title"),
        ("url", "javascript:x", "web address"),
        ("at", datetime(2026, 1, 1), "no time zone"),
        ("at", datetime(1, 1, 1, tzinfo=UTC), "between 1971 and 2200"),
        ("external_id", "x" * 201, "too long"),
    ],
)
def test_a_change_that_cannot_be_kept_is_refused(field: str, value: Any, words: str) -> None:
    good = {"at": datetime(2026, 1, 1, tzinfo=UTC), "kind": "deploy", "title": "t"}
    with pytest.raises(UserError, match=words):
        checked(Change(**{**good, field: value}))


@pytest.mark.parametrize(("name", "part", "instead"), [
    ("gitlab-release-created", "name", {"tag": "v1.1"}),
    ("gitlab-deployment-success", "ref", {"short_sha": "279484c0"}),
])  # fmt: skip
@pytest.mark.parametrize("empty", [None, ""])
def test_a_gitlab_change_without_a_name_goes_by_its_tag_or_commit(
    name: str, part: str, instead: dict[str, str], empty: str | None
) -> None:
    reply = json.loads((REPLIES / f"{name}.json").read_text())
    change = from_gitlab(reply["event"], reply["body"] | instead | {part: empty})
    assert change is not None and change.title.split(" ", 2)[1:] == ["fern/shop", *instead.values()]
