"""CRM systems, one file each."""
