-- answers: Which findings of each site were written down last?
-- grain: one row per site whose findings are written down
-- reads: finding_sets
select site, version, digest
from finding_sets final
