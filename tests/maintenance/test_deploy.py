"""The examples in deploy/: readable by what reads them, and nginx really passes the counter on."""

import configparser
import json
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from tandem.ads import routes as ads
from tandem.base.config import PREFIX, Config
from tandem.calls import file_import as calls
from tandem.crm import routes as crm
from tandem.reconcile import routes as reconcile
from tests.conftest import free_port
from tests.maintenance.conftest import in_house, serving, status_of, tandem, wait_for

DEPLOY = Path(__file__).parents[2] / "deploy"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
SETTINGS = {PREFIX + name.upper() for name in Config.__struct_fields__}


def test_compose_runs_two_collectors_the_server_and_both_stores() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    services = yaml.safe_load(text)["services"]
    assert set(services) == {"server", "collector-1", "collector-2", "nginx", "clickhouse", "postgres"}
    names = set()
    for name in ("server", "collector-1", "collector-2"):
        environment = services[name]["environment"]
        assert set(environment) <= SETTINGS
        names.add(environment["TANDEM_COLLECTOR"])
        assert services[name]["volumes"] == [f"{name}:/var/lib/tandem"]
    assert len(names) == 3, "each collector has its own name and its own spool"
    asked = set(re.findall(r"\$\{(\w+)", text))
    given = {line.partition("=")[0] for line in (DEPLOY / "env.example").read_text().split()}
    assert asked == given


def test_the_image_runs_as_nobody_special_and_says_how_it_is() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    words = re.findall(r"^([A-Z]+) (.*)$", text, re.M)
    assert [rest for word, rest in words if word == "USER"] == ["tandem"]
    assert any(word == "HEALTHCHECK" for word, _ in words)
    assert [rest.split()[0] for word, rest in words if word == "FROM"] == ["python:3.13-slim"] * 2
    copied = [rest.split()[:-1] for word, rest in words if word == "COPY" and "--from" not in rest]
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    for name in {name for names in copied for name in names}:
        assert (DEPLOY.parent / name).exists()
        assert f"!{name}" in ignored


def test_the_unit_is_hardened_and_names_an_existing_command() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(DEPLOY / "tandem.service")
    service = unit["Service"]
    assert service["ExecStart"].endswith("/tandem serve")
    assert (service["ProtectSystem"], service["NoNewPrivileges"], service["User"]) == ("strict", "yes", "tandem")
    assert service["StateDirectory"] in service["Environment"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_reads_the_unit() -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(DEPLOY / "tandem.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Unknown" not in done.stderr and "Invalid" not in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["cluster.xml", "macros.xml", "keeper.xml"])
def test_the_cluster_example_is_whole(name: str) -> None:
    root = ElementTree.parse(DEPLOY / "clickhouse" / name).getroot()
    assert root.tag == "clickhouse"
    if name == "cluster.xml":
        shards = root.findall("remote_servers/tandem/shard")
        assert [len(shard.findall("replica")) for shard in shards] == [2, 2]
        assert all(shard.findtext("internal_replication") == "true" for shard in shards)
    if name == "macros.xml":
        assert {child.tag for child in root.findall("macros/*")} == {"shard", "replica"}


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: apt-get install nginx-light)")
def test_nginx_passes_the_counter_on_from_the_sites_own_host(company: Path, tmp_path: Path) -> None:
    port = free_port()
    with serving(company) as url:
        example = (DEPLOY / "nginx.conf").read_text()
        conf = example.replace("127.0.0.1:8080", url.removeprefix("http://")).replace(
            "listen 80;", f"listen 127.0.0.1:{port};"
        )
        whole = (
            f"daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; events {{}}\n"
            f"http {{ access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p; "
            f"fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n{conf}\n}}\n"
        )
        (tmp_path / "nginx.conf").write_text(whole)
        assert NGINX is not None
        proxy = subprocess.Popen([NGINX, "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf")])
        try:
            wait_for(lambda: status_of(f"http://127.0.0.1:{port}/t/none") == 404, lambda: proxy.poll() is None)
            _walk(port, company)
        finally:
            proxy.terminate()
            proxy.wait(20)
    found = in_house(company, """
rows = ctx.warehouse.ask("select country, path from events where path like '/nginx%' order by path").rows
answer = rows
""")  # fmt: skip
    assert found == [["PL", "/nginx"]], "the visitor's own address was believed, not the proxy's"


def _walk(port: int, folder: Path) -> None:
    def ask(host: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        names = {k.replace("_", "-"): v for k, v in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Host": host, **names})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    assert b"Tandem's counter" in ask("shop.example.com", "/t/tandem.js")[1]
    event = {"i": "00000000000000e1", "k": "pageview", "t": 0, "u": "https://fern-oak.example/nginx"}
    hit = json.dumps({"s": "fern", "c": 0, "e": [event]}).encode()
    assert ask("shop.example.com", "/t/hit", hit, X_Forwarded_For="83.0.0.1")[0] == 202
    assert ask("shop.example.com", "/t/hit", b"x" * 80_000)[0] == 413
    assert ask("figures.example.com", "/healthz") == (200, b"ok")
    assert ask("figures.example.com", "/sign-in")[0] == 200
    token = json.loads((folder / "control.json").read_text())["token"]
    assert ask("figures.example.com", "/control/ping", b"{}", Authorization=f"Bearer {token}")[0] == 404
    assert tandem(folder, "doctor").returncode == 0


@pytest.mark.parametrize("name", ["nginx.conf", "nginx-compose.conf"])
def test_nginx_takes_what_the_pages_take_and_lets_nobody_wait_for_ever(name: str) -> None:
    text = (DEPLOY / name).read_text()
    largest = max(ingest.LARGEST_FILE for ingest in (ads, calls, crm, reconcile))
    sizes = [int(size) << 20 for size in re.findall(r"client_max_body_size (\d+)m;", text)]
    assert sizes and max(sizes) >= largest
    for limit in ("client_header_timeout", "client_body_timeout", "keepalive_timeout", "send_timeout", "limit_conn"):
        assert re.search(rf"^{limit} ", text, re.M), limit
