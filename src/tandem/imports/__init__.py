"""Files and archives from outside: read as a stream, within limits, the dangerous ones in a process of their own."""
