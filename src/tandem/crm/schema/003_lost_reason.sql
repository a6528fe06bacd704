-- Why a deal was lost, in the words of the CRM.
alter table deal_rows /* whole */ add column if not exists lost_reason LowCardinality(String);
