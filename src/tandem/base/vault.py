"""The key of the installation: seals what must not be read in a stolen database, and makes marks that only it can make.

The key lies beside the stores, not in them: in the file `key` of the data folder, or in TANDEM_KEY where several
machines share a record store. A backup holds it, so that a restored installation can read itself.
"""

import hashlib
import os
import secrets
import zlib
from base64 import b64decode, b64encode, urlsafe_b64encode
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from tandem.base.disk import sync_folder
from tandem.base.errors import UserError

FILE = "key"
SHORTEST = 16
"""Letters of a key in the file; a new one has 43."""


class Vault:
    """Seals and opens texts; `mark` is a keyed hash."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._fernet = Fernet(urlsafe_b64encode(hashlib.blake2b(key.encode(), digest_size=32, person=b"seal").digest()))
        self._mark_key = hashlib.blake2b(key.encode(), digest_size=32, person=b"mark").digest()

    def seal(self, text: str) -> str:
        """The text, unreadable without the key (Fernet: AES-128-CBC with HMAC-SHA256)."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """The text that was sealed.

        raises   UserError when another key sealed it
        """
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise UserError(
                "An encrypted value cannot be decrypted with the key of this installation.",
                "Restore the file “key” in the data folder, or the TANDEM_KEY that the value was encrypted with.",
                status=409,
            ) from error

    def try_open(self, sealed: str) -> str | None:
        """The text that was sealed, or nothing where another key sealed it.

        For whoever opens many: one value of an earlier key must not keep the others from being read.
        """
        try:
            return self.open(sealed)
        except UserError:
            return None

    def seal_bytes(self, body: bytes) -> bytes:
        """What may be kept of somebody's data: compressed, and unreadable without the key."""
        return self.seal(b64encode(zlib.compress(body)).decode()).encode()

    def try_open_bytes(self, sealed: bytes) -> bytes | None:
        """The bytes that were sealed, or nothing where another key sealed them."""
        text = self.try_open(sealed.decode())
        return None if text is None else zlib.decompress(b64decode(text))

    def mark(self, text: str) -> int:
        """64 bits that stand for a text: always the same ones, and without the key nobody finds the text."""
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, key=self._mark_key).digest())


def open_vault(folder: Path, key_text: str = "") -> Vault:
    """The vault of this data folder; its key is made when first asked for.

    raises   UserError when the key file cannot be read or written, or holds no key
    """
    if key_text:
        return Vault(key_text)
    path = folder / FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path)
        try:
            key = path.read_text("utf-8").strip()
            wrong = "" if len(key) >= SHORTEST else "too short to be a key" if key else "empty"
        except UnicodeDecodeError:
            key, wrong = "", "damaged"
        if wrong:
            raise UserError(
                f"The key file {path} is {wrong}.",
                f"Take the key out of a backup: tar -xOf BACKUP.tar key.gz | gunzip > {path}. "
                "If nothing was encrypted yet, delete the file, and a new key is made.",
                status=409,
            )
        return Vault(key)
    except OSError as error:
        raise UserError(
            f"The key file {path} cannot be used: {error.strerror}.", "Make it readable for the user that runs Tandem."
        ) from error


def _make(path: Path) -> None:
    """Write a new key unless there is one; of two processes at once, one wins and both read it whole.

    It is on disk before anything is sealed with it.
    """
    if path.exists():
        return
    fresh = path.with_name(f"{FILE}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    with fresh.open("w") as file:
        file.write(secrets.token_urlsafe(32))
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    sync_folder(path.parent)
