"""Tools that know no marketing word: settings, stores, spool, web, jobs, errors, clock, log."""
