"""The name of a bot, read from its user agent: a product token or a host name, never a piece of an address."""

import re
from typing import Final

# What every browser says of itself names no bot; nor do the words that only tell that it is one.
_BROWSERS: Final = """
    mozilla applewebkit webkit khtml chrome chromium crios safari mobile version gecko firefox fxios android linux
    windows macintosh msie trident opera presto edge edg opr os mac iphone ipad compatible like x11 rv nt u wv
    dalvik u2 ubuntu fedora
"""
_COMMON: Final = """
    bot bots robot robots spider crawler crawl crawling scraper agent user-agent useragent client http https www url
    feed rss server monitor parser scan scanner check checker preview fetch fetcher com net org de ru search news
"""
_NO_NAMES: Final = frozenset((_BROWSERS + _COMMON).split())
_PRODUCT: Final = re.compile(r"([A-Za-z][\w.+!-]*(?: [A-Z][\w.-]*){0,2})(?:/| v?(?=\d+\.))")
_SAID: Final = re.compile(r"compatible ?; ?([A-Za-z][\w.!-]*(?: [A-Za-z][\w.-]*){0,3})")
_HOST: Final = re.compile(r"(?:https?://|www\.|@)(?:www\.)?([\w-]+(?:\.[\w-]+)+)")
_BREAKS: Final = r"\s;()/,\"'<>\[\]{}|=+"
_ADDRESS: Final = re.compile(r"\S*(?:https?:/?/?|www\.|@)\S*")


def named_bot(user_agent: str, found: re.Match[str] | None) -> str:
    """Return the bot's name.

    found    the words that gave the bot away, where there are such
    returns  the token around them if it is a name; else the first product that no browser names, else what stands
             behind "compatible;", else the host of the bot's own page, else how the text begins
    """
    addresses = [place.span() for place in _ADDRESS.finditer(user_agent)]
    if found and (token := _token(user_agent, found, addresses)):
        return token
    bare = _ADDRESS.sub(" ", user_agent)
    for name in (*_PRODUCT.findall(bare), *_SAID.findall(bare)):
        if _is_name(name):
            return str(name)
    if host := _HOST.search(user_agent):
        return host[1].lower()
    return re.split(r"[/;(]", user_agent.lstrip(" ;(/"))[0].strip()


def _token(user_agent: str, found: re.Match[str], addresses: list[tuple[int, int]]) -> str:
    """Return the token around the words that were found; nothing in an address, or where it names nobody."""
    word = re.search(rf"[^{_BREAKS}]", found[0])
    at = found.start() + word.start() if word else found.start()
    if any(start <= at < end for start, end in addresses):
        return ""
    for token in re.finditer(rf"[^{_BREAKS}]+", user_agent):
        if token.start() <= at < token.end():
            return token[0].strip(".:-*") if _is_name(token[0]) else ""
    return ""


def _is_name(text: str) -> bool:
    words = [word for word in re.split(r"[\s:.]+", text.lower()) if word]
    return any(len(word) > 1 and not word.isdigit() and word not in _NO_NAMES for word in words)
