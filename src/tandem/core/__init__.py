"""What every request and job is handed: the context, slices and their pages, who asks, and how far work is."""
