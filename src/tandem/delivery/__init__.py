"""Messages on their way to people: an outbox, channels that send, and who wants what."""
