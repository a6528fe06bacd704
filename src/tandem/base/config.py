"""What the operator may choose, read once from the environment: `TANDEM_<NAME>`."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from tandem.base.errors import UserError

PREFIX = "TANDEM_"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting has a value that suits a laptop; docs/settings.md is made from this list."""

    data: Annotated[str, Meta(description="Folder for both stores, the spool and the keys.")] = "data"
    events: Annotated[
        str, Meta(description="Event store: `chdb:///folder` or `clickhouse://user:password@host:8123/database`.")
    ] = ""
    records: Annotated[
        str, Meta(description="Record store: empty for SQLite in the data folder, or `postgresql://…`.")
    ] = ""
    cluster: Annotated[str, Meta(description="Name of the ClickHouse cluster; empty means one node.")] = ""
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port to listen on.", ge=1, le=65535)] = 8080
    url: Annotated[str, Meta(description="Public address, used in links and to decide on secure cookies.")] = ""
    proxies: Annotated[
        str,
        Meta(description="Networks of reverse proxies whose X-Forwarded-For header is trusted, separated by commas."),
    ] = "127.0.0.0/8,::1/128"
    memory_mb: Annotated[int, Meta(description="Memory limit of the event store, in MB.", ge=256)] = 1200
    query_seconds: Annotated[int, Meta(description="Time limit for a query.", ge=1)] = 30
    sender_mb: Annotated[
        int,
        Meta(
            description="Limit of data that one public address can send to the counter in an hour, in MB. 0: no limit.",
            ge=0,
        ),
    ] = 64
    spool_mb: Annotated[int, Meta(description="Size at which a spool segment is sealed, in MB.", ge=1)] = 32
    collector: Annotated[str, Meta(description="Name of this collector. Each collector needs its own.")] = "main"
    country_mmdb: Annotated[str, Meta(description="Country database in MMDB format, instead of the bundled one.")] = ""
    city_mmdb: Annotated[str, Meta(description="City database in MMDB format. Without it, no cities are recorded.")] = (
        ""
    )
    asn_mmdb: Annotated[str, Meta(description="ASN database in MMDB format, used to recognise data centres.")] = ""
    key: Annotated[
        str,
        Meta(description="Key that encrypts credentials and personal data. Empty: the file `key` in the data folder."),
    ] = ""
    reach: Annotated[
        str,
        Meta(
            description="Private hosts or networks that connections and the OpenID provider may be in, by comma: "
            "`crm.lan, 10.1.0.0/16`."
        ),
    ] = ""
    smtp_host: Annotated[str, Meta(description="SMTP server for e-mail. Empty: no e-mail is sent.")] = ""
    smtp_port: Annotated[int, Meta(description="Port of the SMTP server. 465 for implicit TLS.", ge=1, le=65535)] = 587
    smtp_tls: Annotated[str, Meta(description="Encryption: starttls, implicit, or none (a relay on this machine).")] = (
        "starttls"
    )
    smtp_user: Annotated[str, Meta(description="User name for the SMTP server. Empty: none.")] = ""
    smtp_password: Annotated[str, Meta(description="Password for the SMTP server.")] = ""
    smtp_from: Annotated[str, Meta(description="Sender of e-mail: `Tandem <tandem@example.com>`.")] = ""
    smtp_ca: Annotated[
        str, Meta(description="File of CA certificates for the SMTP server. Empty: those of the system.")
    ] = ""
    oidc_issuer: Annotated[
        str,
        Meta(
            description="Address of an OpenID provider for single sign-on: `https://login.example.com`. Empty: none. "
            "One in a private network must be named in TANDEM_REACH."
        ),
    ] = ""
    oidc_client: Annotated[str, Meta(description="Client ID issued by the provider.")] = ""
    oidc_secret: Annotated[str, Meta(description="Client secret issued by the provider.")] = ""
    oidc_name: Annotated[str, Meta(description="Name of the provider on the sign-in button.")] = "OpenID"
    oidc_role: Annotated[
        str, Meta(description="Role of new users from the provider. Empty: only existing users can sign in.")
    ] = ""
    log: Annotated[str, Meta(description="Least severe log level: debug, info, warning, error.")] = "info"

    @property
    def folder(self) -> Path:
        return Path(self.data).resolve()

    @property
    def events_dsn(self) -> str:
        return self.events or f"chdb:///{self.folder / 'events'}"

    @property
    def records_dsn(self) -> str:
        return self.records or f"sqlite:///{self.folder / 'records.db'}"

    @property
    def base_url(self) -> str:
        return (self.url or f"http://{self.host}:{self.port}").rstrip("/")


def load(environ: dict[str, str] | None = None) -> Config:
    """The settings of this process; `PORT` is understood too.

    raises   UserError naming the variable when a value does not fit
    """
    env = dict(os.environ) if environ is None else environ
    if env.get("PORT"):
        env.setdefault(PREFIX + "PORT", env["PORT"])
    values = {name: env[PREFIX + name.upper()] for name in Config.__struct_fields__ if env.get(PREFIX + name.upper())}
    try:
        return msgspec.convert(values, Config, strict=False)
    except msgspec.ValidationError as error:
        name = str(error).rpartition("$.")[2].strip("`") or "?"
        raise UserError(
            f"{PREFIX}{name.upper()} is not valid: {error}.", "Correct it as described in docs/settings.md."
        ) from error
