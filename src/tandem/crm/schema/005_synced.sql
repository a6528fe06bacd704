-- What is acknowledged or imported has no other copy once it is loaded: parts are synced before an insert returns, so that a
-- power cut loses none of it.
alter table deal_rows /* whole */ modify setting fsync_after_insert = 1, fsync_part_directory = 1;
alter table deal_snapshots /* whole */ modify setting fsync_after_insert = 1, fsync_part_directory = 1;
alter table deal_origins /* whole */ modify setting fsync_after_insert = 1, fsync_part_directory = 1;
