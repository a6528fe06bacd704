-- answers: What is the newest version of what counts on the days of a system's accounts?
-- grain: one number
-- reads: ad_loads
select max(version) from ad_loads where site = {site:UInt32} and system = {system:String}
