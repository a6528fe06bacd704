"""What people said the words of a site's files mean."""

from sqlalchemy import delete, insert, select

from tandem.accounts.model import Site
from tandem.core.context import Context
from tandem.crm.model.file_words import FileWords
from tandem.crm.tables import file_words


def words_of(ctx: Context, site: Site) -> FileWords:
    """What people said the words of this site's files mean."""
    with ctx.database.read() as c:
        row = c.execute(select(file_words).where(file_words.c.site_id == site.id)).first()
    return FileWords(stages=row.stages, currencies=row.currencies, revision=row.revision) if row else FileWords()


def keep_words(ctx: Context, site: Site, words: FileWords) -> None:
    """Remember what words mean, for this file and those to come."""
    values = {"stages": words.stages, "currencies": words.currencies, "revision": words.revision}
    with ctx.database.write() as c:
        c.execute(delete(file_words).where(file_words.c.site_id == site.id))
        c.execute(insert(file_words).values(site_id=site.id, **values))
