"""Lists of spans, sweep buffers and span sets, and the contract that each keeps."""
