-- answers: How many conclusions does the small map of persons hold?
-- grain: one number
-- reads: person_news_rows
select count()
from person_news_rows
