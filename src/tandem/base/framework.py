"""What is mended in Litestar 2.25, in one place; each with the test that fails without it."""

import sys
from typing import Any

import litestar.connection.request
import litestar.datastructures.url
from litestar import _multipart, _parsers
from litestar._kwargs import extractors
from litestar.handlers import HTTPRouteHandler
from litestar.utils.sync import AsyncCallable

_PARSERS = (
    _parsers.parse_url_encoded_form_data, _parsers.parse_query_string, _parsers.parse_cookie_string,
    extractors.create_query_default_dict,
)  # fmt: skip
_registered = HTTPRouteHandler.on_registration


def _registered_once(self: HTTPRouteHandler, app: Any) -> None:
    if not isinstance(self.fn, AsyncCallable):
        _registered(self, app)


def mend() -> None:
    """Mend the framework in this process; a second time it changes nothing."""
    # TRAP: the first handler of a path with two methods (GET and POST /changes) is registered twice, and then wrapped
    # for threads twice, so that nobody awaits the inner one; see test_a_page_and_its_form_share_an_address.
    HTTPRouteHandler.on_registration = _registered_once  # type: ignore[method-assign]
    # TRAP: the last 1,024 forms, queries and cookies of any size are remembered, passwords too: a stranger's made the
    # server keep gigabytes; see test_nothing_that_is_sent_is_remembered.
    for parser in _PARSERS:
        plain = parser.__wrapped__
        for module in [module for name, module in sys.modules.items() if name.startswith("litestar")]:
            if getattr(module, parser.__name__, None) is parser:
                setattr(module, parser.__name__, plain)
    # TRAP: a field of an upload is read in the encoding that its part names, one of Python's that takes minutes
    # (punycode) too; browsers send UTF-8 and name none. See test_a_field_of_an_upload_names_no_encoding.
    _multipart.MultipartSegment.charset = property(lambda _: None, lambda *_: None)  # type: ignore[attr-defined]


assert litestar.connection.request and litestar.datastructures.url  # loaded, so that they are mended
