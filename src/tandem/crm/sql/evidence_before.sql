-- answers: Which evidence was in these records before an import?
-- grain: one row per piece of evidence
-- reads: deal_evidence_before
select ref, a, a_kind, b, b_kind, at
from deal_evidence_before final
where site = {site:UInt32} and import = {import:UInt32} and ref in {refs:Array(String)}
