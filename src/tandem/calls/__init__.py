"""Phone calls: number pools, swapping, telephony, and which visit a call came from."""
