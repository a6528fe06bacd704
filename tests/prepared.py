"""What each process of the product does first, done once in the process that they are forked off: half of a start.

It opens no store of anybody and starts no thread: the engine of the event store does not survive a fork.
"""

import gc
import tempfile
from contextlib import closing
from pathlib import Path

import clickhouse_connect.driver.httpclient
import litestar.plugins.pydantic

import tandem.app
import tandem.cli
import tandem.demo.run
import tandem.maintenance.operations
import tandem.serve
from tandem.base import static_files
from tandem.base.database import Database
from tandem.collect.model import agents

assert clickhouse_connect.driver.httpclient and litestar.plugins.pydantic  # loaded when they are first needed
assert tandem.cli and tandem.demo.run and tandem.maintenance.operations and tandem.serve

with tempfile.TemporaryDirectory() as folder, closing(Database(f"sqlite:///{Path(folder) / 'records.db'}")) as db:
    db.migrate()  # loads what reads the steps
static_files.files_in(tandem.app.FILES, "/static")
agents.agent_of("")
gc.collect()
gc.freeze()
