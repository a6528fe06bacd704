"""A full disk is named, whichever store meets it; other errors stay what they are."""

import errno
import sqlite3
from contextlib import closing

import pytest

from tandem.base.errors import UserError
from tandem.base.warehouse import DatabaseError
from tandem.core.context import Context
from tandem.maintenance import full_disk


def test_the_engines_full_disk_is_told_with_its_cure(ctx: Context) -> None:
    with pytest.raises(UserError) as told, full_disk.named(ctx.config):
        ctx.warehouse.do(
            "insert into origins (site, origin) values (1, 1)", min_free_disk_bytes_to_perform_insert=1 << 62
        )
    assert told.value.what == f"The disk of the data folder {ctx.config.folder} is full."
    assert told.value.hint == "Make room on it, then do it again."


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        DatabaseError("Code: 75. DB::ErrnoException: Cannot write, errno: 28, strerror: No space left on device."),
    ],
)
def test_every_kind_of_full_disk_is_told(ctx: Context, error: Exception) -> None:
    ctx.config.folder.mkdir(parents=True, exist_ok=True)
    with pytest.raises(UserError, match="is full"), full_disk.named(ctx.config):
        raise error


def test_the_record_stores_full_disk_is_told_too(ctx: Context) -> None:
    with (
        pytest.raises(UserError, match=r"of the data folder .* is full"), full_disk.named(ctx.config),
        closing(sqlite3.connect(":memory:")) as store,
    ):  # fmt: skip
        store.execute("pragma max_page_count = 2")
        store.execute("create table t as select randomblob(100000)")


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), ValueError("No space left on device")])
def test_other_errors_stay_as_they_are(ctx: Context, error: Exception) -> None:
    with pytest.raises(type(error)) as told, full_disk.named(ctx.config):
        raise error
    assert told.value is error
