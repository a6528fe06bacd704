"""Pipedrive and Salesforce as far as we ask them: recorded replies, chosen by what is asked."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.connections.stub import Asked, Reply

REPLIES = Path(__file__).parent / "replies"


def told(name: str) -> Any:
    return json.loads((REPLIES / f"{name}.json").read_text())


def replied(body: Any) -> Reply:
    return Reply(body=json.dumps(body).encode())


def pipedrive(asked: Asked) -> Reply:
    """Two deals; the token must be the right one."""
    if asked.headers.get("x-api-token") != "a secret":
        return Reply(status=401)
    path, query = urlsplit(asked.path).path, parse_qs(urlsplit(asked.path).query)
    answer = told("pipedrive")[path]
    if path == "/api/v2/deals":
        ids, since = query.get("ids", [""])[0].split(","), query.get("updated_since", [""])[0]
        answer["data"] = [d for d in answer["data"] if ids in ([""], []) or str(d["id"]) in ids]
        answer["data"] = [d for d in answer["data"] if d["update_time"] >= since]
    return replied(answer)


def salesforce(asked: Asked) -> Reply:
    """A lead that was converted, and two opportunities; a token first."""
    path, query = urlsplit(asked.path).path, parse_qs(urlsplit(asked.path).query)
    if path == "/services/oauth2/token":
        form = parse_qs(asked.body.decode())
        assert form["grant_type"] == ["client_credentials"]
        return replied({"access_token": "of the session", "token_type": "Bearer"})
    if asked.headers.get("authorization") != "Bearer of the session":
        return Reply(status=401)
    if path.endswith("/describe"):
        return replied(
            {"fields": [{"name": n, "label": n} for n in told("salesforce")["describe"][path.split("/")[-2]]]}
        )
    return replied(answered(query["q"][0]))


def answered(soql: str) -> Any:
    """What SOQL of the forms that we use selects; a field that the account lacks is refused as Salesforce does."""
    names, table, where = re.fullmatch(
        r"SELECT (.+?) FROM (\w+)(?: WHERE (.+?))?(?: ORDER BY .+)?", re.sub(r", \(SELECT .+?\)", "", soql)
    ).groups()  # type: ignore[union-attr]
    has = told("salesforce")["describe"].get(table)
    assert not has or set(names.split(", ")) <= set(has), soql
    answer = told("salesforce")[table]
    rows = answer["records"]
    if where and (found := re.fullmatch(r"SystemModstamp >= (\S+)", where)):
        rows = [r for r in rows if r["SystemModstamp"][:19] >= found[1][:19]]
    elif where and (found := re.fullmatch(r"(\w+) IN \((.+)\)", where)):
        rows = [r for r in rows if r[found[1]] in found[2].replace("'", "").split(", ")]
    return {**answer, "records": rows, "totalSize": len(rows)}


def message(
    organization: str = "00D000000000001AAA", *ids: str, kind: str = "Opportunity", note: str = "04l1"
) -> bytes:
    """An outbound message of Salesforce about some records."""
    notes = "".join(
        f'<Notification><Id>{note}{n}</Id><sObject xsi:type="sf:{kind}" '
        f'xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>{number}</sf:Id></sObject></Notification>'
        for n, number in enumerate(ids)
    )  # fmt: skip
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        f'<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{organization}</OrganizationId>'
        '<ActionId>04k0</ActionId><SessionId xsi:nil="true"/><EnterpriseUrl>https://x</EnterpriseUrl>'
        f"<PartnerUrl>https://x</PartnerUrl>{notes}</notifications></soapenv:Body></soapenv:Envelope>"
    ).encode()
