"""Who they are: identity from visitors, phones, e-mails and CRM ids, profiles, merges."""
