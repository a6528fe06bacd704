"""How outside systems are connected: settings with sealed secrets, a durable inbox for webhooks, polls that resume."""
