-- answers: Which imports can be undone no more?
-- grain: one row per row
-- reads: deal_evidence_before
delete from deal_evidence_before where site = {site:UInt32} and import in {imports:Array(UInt32)}
