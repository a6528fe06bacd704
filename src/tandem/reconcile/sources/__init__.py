"""Figures of outside systems, from their exports and from their APIs; gives structs, stores nothing."""
