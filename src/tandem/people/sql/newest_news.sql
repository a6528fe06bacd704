-- answers: What is the newest version of the conclusions that the small map of persons holds?
-- grain: one number
-- reads: person_news_rows
select max(version) from person_news_rows
