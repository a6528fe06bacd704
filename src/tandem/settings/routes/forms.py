"""What the routes of these pages are given."""

from typing import Annotated, Any

from litestar import Request
from litestar.enums import RequestEncodingType
from litestar.params import Body

from tandem.core.context import Context

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
Asked = Request[Any, Any, Any]


def link_address(ctx: Context, token: str) -> str:
    """Where a link that was sent to somebody leads."""
    return f"{ctx.config.base_url}/link/{token}"
