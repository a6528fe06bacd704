-- A long report arrives in many parts. Merged column by column they take less memory than all at once.
alter table ad_rows /* whole */ modify setting
    vertical_merge_algorithm_min_rows_to_activate = 1, vertical_merge_algorithm_min_columns_to_activate = 1;
