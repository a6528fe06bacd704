-- What is acknowledged or imported has no other copy once it is loaded: parts are synced before an insert returns, so that a
-- power cut loses none of it.
alter table events modify setting fsync_after_insert = 1, fsync_part_directory = 1;
alter table visit_rows modify setting fsync_after_insert = 1, fsync_part_directory = 1;
alter table origins /* whole */ modify setting fsync_after_insert = 1, fsync_part_directory = 1;
alter table agents /* whole */ modify setting fsync_after_insert = 1, fsync_part_directory = 1;
alter table reception /* whole */ modify setting fsync_after_insert = 1, fsync_part_directory = 1;
