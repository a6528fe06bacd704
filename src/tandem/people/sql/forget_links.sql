-- answers: Which evidence is taken back with the calls or records that it came with?
-- grain: one row per row
-- reads: identity_links
delete from identity_links
where site = {site:UInt32} and source = {source:String} and ref in {refs:Array(String)}
