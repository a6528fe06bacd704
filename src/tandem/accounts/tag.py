"""The tags that go into a site's pages: the scripts, and the picture for visitors without scripts."""

from collections.abc import Collection

from tandem.accounts.model import Site

REVEALS = {"on_scroll": ' data-reveal="scroll"', "on_click": ' data-reveal="click"'}


def script_tag(base: str, site: Site) -> str:
    """What goes into the head of the site's pages."""
    return f'<script defer src="{base}/t/tandem.js" data-site="{site.key}"{_mode(site)}></script>'


def numbers_tag(base: str, site: Site, numbers: Collection[str], reveals: Collection[str] = ()) -> str:
    """What exchanges the site's own phone numbers for those of the pools.

    numbers   the site's own numbers, with country code
    reveals   when the pools show their numbers; one tag serves all of them, so they have to agree to wait
    """
    reveal = REVEALS.get(next(iter(reveals)), "") if len(set(reveals)) == 1 else ""
    return (
        f'<script async src="{base}/t/numbers.js" data-site="{site.key}" '
        f'data-numbers="{",".join(dict.fromkeys(numbers))}"{_mode(site)}{reveal}></script>'
    )


def _mode(site: Site) -> str:
    return "" if site.mode == "cookieless" else f' data-mode="{site.mode}"'


def picture_tag(base: str, site: Site) -> str:
    """What counts the page view where scripts do not run. In the head it would end it: pictures belong into the body,
    so readers without scripts found whatever stands behind it, such as the canonical address, in the body.
    """
    return f'<noscript><img src="{base}/t/pixel.gif?s={site.key}" alt="" width="1" height="1"></noscript>'


def made_tag(base: str, site: Site) -> str:
    """The same for tag managers, which drop the data attributes of a script that is only pasted."""
    mode = "" if site.mode == "cookieless" else f'\n  s.setAttribute("data-mode", "{site.mode}");'
    return (
        "<script>\n(function () {\n"
        '  var s = document.createElement("script");\n'
        f'  s.src = "{base}/t/tandem.js";\n'
        f'  s.setAttribute("data-site", "{site.key}");{mode}\n'
        "  document.head.appendChild(s);\n})();\n</script>"
    )
