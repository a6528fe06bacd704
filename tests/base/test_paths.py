"""One normal form of paths: people read it, nobody can pass one page off as another, and it is its own normal form."""

import itertools
import random

import pytest

from tandem.base.paths import MAX_PATH, normal_path, part_as_typed, path_as_typed

NORMAL = {
    "/%D0%BA%d0%b0%D1%82%D0%B0%D0%BB%D0%BE%D0%B3": "/каталог",
    "/каталог": "/каталог",
    "/%C5%BC%C3%B3%C5%82%C4%87/%F0%9F%8C%B1": "/żółć/🌱",
    "/Catalog/%41%7e_-": "/Catalog/A~_-",  # case is kept
    "/a%2fb%3f%23%26": "/a%2Fb%3F%23%26",  # what is reserved parts nothing
    "/a!$&'()*+,;=:@b": "/a!$&'()*+,;=:@b",
    "/%21%24": "/%21%24",
    '/a b"<>^`{|}[]': "/a%20b%22%3C%3E%5E%60%7B%7C%7D%5B%5D",
    "/a%252Fb": "/a%252Fb",
    "/%25D0%25BA": "/%25D0%25BA",
    "/%%32F": "/%252F",
    "/100%": "/100%25",
    "/%D0": "/%D0",
    "/%ff%FE": "/%FF%FE",
    "/%C0%AF%ED%A0%80": "/%C0%AF%ED%A0%80",  # longer than it need be, and half a character: no UTF-8
    "/%00%0a%7F%C2%85": "/%00%0A%7F%C2%85",
    "/\x00\n\x85": "/%00%0A%C2%85",
    "/a\u202eb%E2%80%AE\u200b": "/a%E2%80%AEb%E2%80%AE%E2%80%8B",  # what cannot be seen cannot hide
    "/\ud800": "/%3F",
    "/a/./b/../c": "/a/c",
    "/a/%2e%2E/b/%2e": "/b/",
    "/../..": "/",
    "//a//../b": "//a/b",
    "/a\\b": "/a/b",
    "/.well-known/x..y/...": "/.well-known/x..y/...",
    "/app#/%D0%BA/../%2f": "/app#/к/../%2F",
    "about": "about",
    "": "",
}


@pytest.mark.parametrize("path", NORMAL)
def test_a_path_has_one_normal_form(path: str) -> None:
    assert normal_path(path) == NORMAL[path]


def test_a_normal_form_is_its_own_whatever_was_sent() -> None:
    parts = ("%", "%2", "%25", "%D0", "%BA", "%2E", "%2f", ".", "/", "к", "\\", "a", "F", "#", "?", "\u200b", "*", " ")
    rng = random.Random(1)
    short = itertools.chain.from_iterable(itertools.product(parts, repeat=n) for n in range(4))
    long = ([rng.choice(parts) for _ in range(rng.randint(4, 12))] for _ in range(3_000))
    for pieces in itertools.chain(short, long):
        text = f"/{''.join(pieces)}"
        for form in (normal_path, path_as_typed, part_as_typed):
            assert form(form(text)) == form(text), (form, text)
        assert normal_path(text).isprintable() and " " not in normal_path(text)


@pytest.mark.parametrize(
    "end",
    ["%D0%BA" * 9, "%2F" * 9, "%E2%80%8B" * 9, "/..x" * 9, "/.x" * 9, "x" * 9, "/..%E2%80%8B", "/.%2F", "#/..%D0"],
)
def test_a_long_path_is_cut_where_no_sign_is_cut_in_two(end: str) -> None:
    for length in range(MAX_PATH - 8, MAX_PATH + 3):
        cut = normal_path("/" + "x" * (length - 1) + end)
        assert MAX_PATH - 5 <= len(cut) <= MAX_PATH
        assert normal_path(cut) == cut and not cut.endswith(("%", "%2", "%E"))


def test_a_normal_form_is_its_own_wherever_it_is_cut() -> None:
    parts = ("%", "%2F", "%D0", "%E2%80%8B", ".", "..", "/", "/..", "/.", "к", "\\", "a", "#", " ")
    rng = random.Random(2)
    for _ in range(5_000):
        end = "".join(rng.choice(parts) for _ in range(8))
        cut = normal_path("/" + "x" * (MAX_PATH - rng.randint(2, 16)) + end)
        assert normal_path(cut) == cut and len(cut) <= MAX_PATH, end


def test_what_is_typed_is_read_as_browsers_read_it() -> None:
    assert path_as_typed(" HTTP://localhost:8519/каталог?x=1#y ") == "/каталог"
    assert path_as_typed("https://x.example#/a?b") == "/#/a"
    assert path_as_typed("//a?b#!/c") == "//a#!/c"
    assert path_as_typed("«view-source:https://x.example/a»") == "/a"
    assert part_as_typed("%D0%BA%D0%B0 %") == "ка%20%"
