"""Both stores in one file, read again before it gets its name; and back, into an empty place."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from tandem import __version__
from tandem.accounts.store import all_sites, note
from tandem.app import SLICES
from tandem.base import clock
from tandem.base.config import Config
from tandem.base.data_folder import UNFINISHED
from tandem.base.database import METADATA, Database
from tandem.base.disk import sync_folder
from tandem.base.errors import UserError
from tandem.base.vault import FILE as KEY
from tandem.base.warehouse import Step, Warehouse, is_disk_full, migrate, questions_in
from tandem.collect import store as collect
from tandem.collect.health import loading_paused
from tandem.core.context import Context
from tandem.core.operations import ProgressReporter
from tandem.maintenance import archive, control, facts, full_disk, store
from tandem.maintenance.archive import ArchiveTable, Manifest, Reader, Writer
from tandem.maintenance.unloaded import load_what_came_in

SQL = questions_in(Path(__file__).parent / "sql")
NEAR = timedelta(minutes=15)


def all_steps() -> list[Step]:
    """Every schema file of every slice."""
    return [step for s in SLICES for step in s.schema()]


def known_keys() -> set[str]:
    """The keys of all steps that this Tandem knows, also of those that newer ones took the place of."""
    return {step.key for step in all_steps()} | {key for s in SLICES for key in s.retired}


def _keys_in(manifest: Manifest) -> set[str]:
    """The keys of a backup's steps; the names behind them are for people, and change."""
    return {name.partition("_")[0] for name in manifest.steps}


# ── backup ──


def backup(ctx: Context, args: dict[str, Any], tell: ProgressReporter) -> dict[str, Any]:
    """Write both stores into the file `args["file"]`; what was received and not yet loaded is loaded first.

    raises   UserError when the file exists, cannot be written, or does not read back; (503) when those who write to
             both stores do not come to an end
    """
    path, began = Path(args["file"]), time.perf_counter()
    writer = Writer(path)
    try:
        with loading_paused(ctx, "a backup"):
            tell(0.0, "loading received events")
            load_what_came_in(ctx)
            _note(ctx, path)  # before it is written, so that it stands in the backup too
            manifest = _written(ctx, writer, tell)
        tell(0.9, "verifying the backup")
        writer.finish(manifest)
    finally:
        writer.discard()
    return {
        "file": str(path), "bytes": path.stat().st_size, "rows": manifest.rows,
        "events": next(t.rows for t in manifest.tables if t.name == "events"),
        "seconds": round(time.perf_counter() - began, 1), "left_out": list(manifest.left_out),
    }  # fmt: skip


def _note(ctx: Context, path: Path) -> None:
    with ctx.database.write() as c:
        for workspace in {site.workspace_id for site in all_sites(ctx.database)}:
            note(c, workspace, None, "data.backed_up", path.name)


def _written(ctx: Context, writer: Writer, tell: ProgressReporter) -> Manifest:
    made_at = clock.now().isoformat()
    stored = facts.stored_tables(ctx.warehouse, all_steps())
    facts_written = _facts_written(ctx.warehouse, sorted(stored, key=lambda t: t.is_loaded), writer, tell)
    # TRAP: what an import has written to one store and not yet to the other would be restored like that. Only the
    # loader writes hits and visits, and it is paused: nobody else has to wait until these large tables are written.
    with ctx.database.alone():
        tables = [*_key_written(ctx, writer), *_records_written(ctx.database, writer)]
        tables += islice(facts_written, sum(not table.is_loaded for table in stored))
    tables += facts_written
    return Manifest(
        format=archive.FORMAT, tandem=__version__, made_at=made_at, revision=ctx.database.revision()[0] or "",
        steps=tuple(map(str, all_steps())), tables=tuple(tables),
        left_out=(*store.LEFT_OUT, *facts.LEFT_OUT),
    )  # fmt: skip


def _key_written(ctx: Context, writer: Writer) -> Iterator[ArchiveTable]:
    """The key that opens what the records hold sealed; not one that the operator keeps in TANDEM_KEY."""
    if not ctx.config.key:
        part = writer.add("key.gz", [ctx.vault.key.encode() + b"\n"])
        yield ArchiveTable("house", "key", ("key",), part.rows, (part,))


def _records_written(database: Database, writer: Writer) -> Iterator[ArchiveTable]:
    with store.snapshot(database) as connection:
        for table in store.tables():
            part = writer.add(f"records/{table.name}.jsonl.gz", store.lines_of(connection, table))
            columns = tuple(str(column.name) for column in table.columns)
            yield ArchiveTable("records", str(table.name), columns, part.rows, (part,))


def _facts_written(
    warehouse: Warehouse, tables: Sequence[facts.Stored], writer: Writer, tell: ProgressReporter
) -> Iterator[ArchiveTable]:
    expected = sum(facts.count(warehouse, table.name) for table in tables) or 1
    done = 0
    for table in tables:
        parts = []
        for number, span in enumerate(facts.spans_of(warehouse, table), 1):
            tell(min(0.9, 0.9 * done / expected), f"writing {table.name}")
            name = f"events/{table.name}/{number:05d}.tsv.gz"
            parts.append(writer.add(name, facts.lines_of(warehouse, table, span)))
            done += parts[-1].rows
        yield ArchiveTable("events", table.name, table.columns, sum(p.rows for p in parts), tuple(parts))


# ── restore ──


def restore(config: Config, file: Path, tell: ProgressReporter) -> dict[str, Any]:
    """Put a backup into stores that hold nothing yet.

    raises   UserError before anything is changed when the file is damaged, too new, or the place is not empty
    """
    tell(0.0, "checking the backup")
    manifest = archive.verify(file)
    _check_version(manifest)
    with full_disk.named(config):
        return _restored(config, file, manifest, tell)


def _restored(config: Config, file: Path, manifest: Manifest, tell: ProgressReporter) -> dict[str, Any]:
    began, folder = time.perf_counter(), _begun(config)
    warehouse = Warehouse(config.events_dsn, config.cluster, config.memory_mb, config.query_seconds)
    database = Database(config.records_dsn)
    try:
        _check_fresh(warehouse, database)
        _put_back(config, warehouse, database, file, manifest, tell)
    except BaseException:
        _close(warehouse, database)
        _cleared(config)
        raise
    _close(warehouse, database)
    (folder / UNFINISHED).unlink()
    return {"rows": manifest.rows, "made_at": manifest.made_at, "seconds": round(time.perf_counter() - began, 1)}


def _begun(config: Config) -> Path:
    """The empty data folder, marked as one that a restore fills."""
    folder = config.folder
    try:
        _check_empty(config)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / UNFINISHED).touch()
    except OSError as error:
        if is_disk_full(error):
            raise
        why = f"{str(folder)[:300]} cannot be a data folder: {error.strerror}."
        raise UserError(why, "Restore into an empty folder that you may write to: --into FOLDER.") from error
    return folder


def _check_version(manifest: Manifest) -> None:
    if _keys_in(manifest) - known_keys() or not Database("sqlite://").knows(manifest.revision):
        raise UserError(
            f"The backup was made by Tandem {manifest.tandem}, which is newer than this one ({__version__}).",
            "Install that version or a newer one, then restore.",
        )


def _check_empty(config: Config) -> None:
    folder = config.folder
    if control.find(folder) is not None:
        raise UserError(f"Tandem is running on {folder}.", "Restore into an empty folder: --into FOLDER.", status=409)
    if (folder / UNFINISHED).exists() and (folder / "spool").exists():
        raise UserError(  # versions up to 0.3.0 served what half a restore had left
            f"A restore into {folder} did not finish, and events have been received there since.",
            "Restore into an empty folder: --into FOLDER.",
        )
    _cleared(config)
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty.", "Restore into an empty folder: --into FOLDER.")


def _check_fresh(warehouse: Warehouse, database: Database) -> None:
    if not facts.is_fresh(warehouse):
        raise UserError("The event store already contains tables.", "Set an empty database in TANDEM_EVENTS.")
    if not store.is_fresh(database):
        raise UserError("The record store already contains tables.", "Set an empty database in TANDEM_RECORDS.")


def _put_back(
    config: Config, warehouse: Warehouse, database: Database, file: Path, manifest: Manifest, tell: ProgressReporter
) -> None:
    """The stores in the form they had, filled, counted, and then brought to the form of today."""
    reader = Reader(file)
    try:
        database.migrate(manifest.revision)
        keys = _keys_in(manifest)
        migrate(warehouse, [step for step in all_steps() if step.key in keys])
        _key_back(config, reader)
        _records_back(database, reader)
        _facts_back(warehouse, reader, tell)
    finally:
        reader.close()
    database.migrate()
    migrate(warehouse, all_steps())
    tell(0.97, "rebuilding the newest visits")
    _derive_newest(warehouse, database, datetime.fromisoformat(manifest.made_at))


def _key_back(config: Config, reader: Reader) -> None:
    for table in (t for t in reader.manifest.tables if t.store == "house"):
        path = config.folder / KEY
        path.touch(mode=0o600)
        with path.open("wb") as file:
            file.writelines(_lines(reader, table))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)


def _records_back(database: Database, reader: Reader) -> None:
    tables = {table.name: table for table in reader.manifest.tables if table.store == "records"}
    store.put_back(
        database, {name: table.columns for name, table in tables.items()}, lambda name: _lines(reader, tables[name])
    )
    with database.read() as connection:
        for name, table in tables.items():
            if name in METADATA.tables:
                _must_be(name, store.count(connection, name), table.rows)


def _lines(reader: Reader, table: ArchiveTable) -> Iterable[bytes]:
    for part in table.parts:
        yield from reader.lines(part)


def _facts_back(warehouse: Warehouse, reader: Reader, tell: ProgressReporter) -> None:
    tables = [table for table in reader.manifest.tables if table.store == "events"]
    names = [table.name for table in tables]
    total, done = sum(table.rows for table in tables) or 1, 0
    facts.merging(warehouse, names, is_on=False)
    for table in tables:
        for part in table.parts:
            tell(0.02 + 0.95 * done / total, f"restoring {table.name}")
            if part.rows:
                facts.put_back(warehouse, table.name, table.columns, reader.lines(part))
            done += part.rows
    for table in tables:
        _must_be(table.name, facts.count(warehouse, table.name), table.rows)
    facts.merging(warehouse, names, is_on=True)


def _must_be(name: str, actual: int, expected: int) -> None:
    if actual != expected:
        raise UserError(
            f"{name} holds {actual} rows after the restore, but should have {expected}.",
            "Use another backup, and report this.",
        )


def _derive_newest(warehouse: Warehouse, database: Database, made_at: datetime) -> None:
    """Derive the visits again that a loader on another machine may have been writing while the backup was made."""
    asked = SQL["newest_visitors"]
    for site in all_sites(database):
        rows = warehouse.ask(asked, {"site": site.id, "since": made_at - NEAR}).rows
        first_at = dict(rows)
        if first_at:
            near = collect.mark_stale(warehouse, first_at)
            collect.derive_visits(warehouse, site, near, first_at, collect.goals_of(database, site))


def _close(warehouse: Warehouse, database: Database) -> None:
    warehouse.close()
    database.close()


def _cleared(config: Config) -> None:
    """Take away what an unfinished restore has left in the data folder, which was empty before it."""
    folder = config.folder
    if not (folder / UNFINISHED).exists():
        return
    for path in folder.iterdir():
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def into(config: Config, folder: str) -> Config:
    """The same settings with another data folder."""
    return msgspec.structs.replace(config, data=folder) if folder else config
