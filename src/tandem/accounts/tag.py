"""The script tag that goes into the head of a site's pages."""

from tandem.accounts.model import Site


def script_tag(base: str, site: Site) -> str:
    """What goes into the head of the site's pages; without scripts, the picture counts the page view."""
    mode = "" if site.mode == "cookieless" else f' data-mode="{site.mode}"'
    return (
        f'<script defer src="{base}/t/tandem.js" data-site="{site.key}"{mode}></script>\n'
        f'<noscript><img src="{base}/t/pixel.gif?s={site.key}" alt="" width="1" height="1"></noscript>'
    )


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
