-- What is acknowledged or imported has no other copy once it is loaded: parts are synced before an insert returns, so that a
-- power cut loses none of it.
alter table identity_links /* whole */ modify setting fsync_after_insert = 1, fsync_part_directory = 1;
alter table person_rows /* whole */ modify setting fsync_after_insert = 1, fsync_part_directory = 1;
alter table person_moves /* whole */ modify setting fsync_after_insert = 1, fsync_part_directory = 1;
alter table person_news_rows /* whole */ modify setting fsync_after_insert = 1, fsync_part_directory = 1;
