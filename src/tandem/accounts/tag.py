"""The tags that go into a site's pages: the script, and the picture for visitors without scripts."""

from tandem.accounts.model import Site


def script_tag(base: str, site: Site) -> str:
    """What goes into the head of the site's pages."""
    mode = "" if site.mode == "cookieless" else f' data-mode="{site.mode}"'
    return f'<script defer src="{base}/t/tandem.js" data-site="{site.key}"{mode}></script>'


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
