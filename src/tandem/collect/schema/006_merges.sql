-- A robot's visit may be a row of ten megabytes: rows like that are merged column by column, not whole in memory.
alter table visit_rows modify setting
    vertical_merge_algorithm_min_rows_to_activate = 1, vertical_merge_algorithm_min_bytes_to_activate = 4194304;
