"""The rules of enrichment as versioned data: channels, hosts, bots, networks. NOTICE.md names the sources."""
