-- answers: Which conclusions does the large map of persons hold now, so that the small one need not?
-- grain: changes rows in place
-- reads: person_news_rows
alter table person_news_rows delete where version <= {version:UInt64}
