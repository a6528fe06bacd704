-- The public face of evidence: which phone belongs to which browser, and who says so (a form, the CRM, a call).
create or replace view browser_phones as
select
    site, if(a_kind = 'visitor', a, b) as browser, if(a_kind = 'visitor', b, a) as phone, source, at
from identity_links
where (a_kind = 'visitor' and b_kind = 'phone') or (a_kind = 'phone' and b_kind = 'visitor');
