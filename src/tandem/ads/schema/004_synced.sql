-- What is acknowledged or imported has no other copy once it is loaded: parts are synced before an insert returns, so that a
-- power cut loses none of it.
alter table ad_rows /* whole */ modify setting fsync_after_insert = 1, fsync_part_directory = 1;
alter table ad_loads /* whole */ modify setting fsync_after_insert = 1, fsync_part_directory = 1;
