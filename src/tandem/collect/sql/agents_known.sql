-- answers: Which user agents have been seen, as read by older rules?
-- grain: one row per user agent
-- reads: agents
select agent, user_agent from agents final where rules < {rules:UInt32}
