"""A claim of who a browser is counts when a server signed it for this site, this browser and this half hour."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tandem.people.model.proof import AHEAD_S, VALID_S, Outcome, check, sign, text_of

SECRET, OLD = "tdms_new", "tdms_old"
NOW = 1_780_000_000
BROWSER = "00000000000000aa"
TOLD = {"login": "anna77", "email": "anna@shop.example"}


def checked(proof: str, **changed: object) -> Outcome:
    asked = {"at": NOW, "now": NOW, "site": "shop", "browser": BROWSER, "claims": TOLD, "secrets": [OLD, SECRET]}
    return check(proof, **(asked | changed))  # type: ignore[arg-type]


def test_what_is_signed_is_spelled_out() -> None:
    assert text_of("shop", NOW, BROWSER, TOLD | {"note": "x"}) == (
        "tandem-identify-1\nshop\n1780000000\n00000000000000aa\n"
        "email=616e6e614073686f702e6578616d706c65\nlogin=616e6e613737"
    )


@pytest.mark.parametrize("secret", [OLD, SECRET])
@pytest.mark.parametrize("browser", [BROWSER, ""])
def test_either_of_two_secrets_proves_with_and_without_a_browser(secret: str, browser: str) -> None:
    assert checked(sign(secret, "shop", NOW, browser, TOLD)) == Outcome.SIGNED


def test_a_proof_is_of_no_use_elsewhere() -> None:
    proof = sign(SECRET, "shop", NOW, BROWSER, TOLD)
    assert checked(proof, browser="00000000000000bb") == Outcome.WRONG
    assert checked(proof, browser="") == Outcome.WRONG
    assert checked(proof, site="oak") == Outcome.WRONG
    assert checked(proof, claims=TOLD | {"login": "boris"}) == Outcome.WRONG
    assert checked(proof, claims=TOLD | {"phone": "+48600100200"}) == Outcome.WRONG
    assert checked(proof, at=NOW + 1) == Outcome.WRONG
    assert checked(proof, secrets=["tdms_of_another_site"]) == Outcome.WRONG
    assert checked(proof, secrets=[]) == Outcome.NO_SECRET
    assert checked("", secrets=[SECRET]) == Outcome.UNSIGNED
    assert checked("é" * 64) == checked("0" * 63) == Outcome.WRONG


@pytest.mark.parametrize(
    ("late", "outcome"),
    [(VALID_S, "signed"), (VALID_S + 1, "expired"), (-AHEAD_S, "signed"), (-AHEAD_S - 1, "expired")],
)
def test_it_is_valid_for_half_an_hour(late: int, outcome: str) -> None:
    assert checked(sign(SECRET, "shop", NOW, BROWSER, TOLD), now=NOW + late) == outcome


def test_no_value_poses_as_two_claims() -> None:
    sly = sign(SECRET, "shop", NOW, "", {"login": "a\nphone=" + b"+48600100200".hex()})
    assert checked(sly, claims={"login": "a", "phone": "+48600100200"}) == Outcome.WRONG


DOCS = (Path(__file__).parents[2] / "docs" / "counter.md").read_text()


@pytest.mark.process
@pytest.mark.parametrize(("language", "program"), [("python", "python3"), ("js", "node"), ("php", "php")])
def test_the_examples_of_the_documentation_sign_the_same(language: str, program: str, tmp_path: Path) -> None:
    found = re.findall(rf"```{language}\n((?:(?!```).)*?tandem-identify-1.*?)```", DOCS, re.DOTALL)
    assert len(found) == 1
    runner = shutil.which(program)
    if runner is None:
        pytest.skip(f"{program} is not installed here")
    rest = f"'{BROWSER}', {NOW})"
    calls = {
        "python": f"print(proof('shop', {{'login': 'anna77', 'email': 'Żółć@shop.example'}}, {rest})",
        "js": f"console.log(proof('shop', {{login: 'anna77', email: 'Żółć@shop.example'}}, {rest});",
        "php": f"echo tandem_proof('shop', ['login' => 'anna77', 'email' => 'Żółć@shop.example'], {rest};",
    }
    file = tmp_path / "example.mjs" if language == "js" else tmp_path / "example"
    file.write_text(found[0] + "\n" + calls[language] + "\n")
    env = {"SIGNING_SECRET": SECRET, "PATH": "/usr/bin:/bin"}
    said = subprocess.run([runner, str(file)], env=env, capture_output=True, text=True, check=True).stdout
    assert said.strip() == sign(SECRET, "shop", NOW, BROWSER, {"login": "anna77", "email": "Żółć@shop.example"})
