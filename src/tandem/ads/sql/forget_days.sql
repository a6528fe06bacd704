-- answers: Which rows of a load tell of days that it need not tell of?
-- grain: one row per row
-- reads: ad_rows
delete from ad_rows where site = {site:UInt32} and load >= {first:UInt64} and load <= {last:UInt64}
    and on in {days:Array(Date)}
