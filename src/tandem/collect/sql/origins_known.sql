-- answers: Which referrers and tags have brought visits to this site?
-- grain: one row per origin
-- reads: origins
select origin, referrer_host, referrer_path, tag_source, tag_medium, tag_campaign, tag_term, tag_content, click
from origins final
where site = {site:UInt32}
