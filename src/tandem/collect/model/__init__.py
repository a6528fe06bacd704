"""Pure rules of enrichment: what a hit says about its origin, its browser and its place."""
