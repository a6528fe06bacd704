"""What happened on the site: the first-party counter, visits and goals."""
