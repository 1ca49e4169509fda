"""One attempt: build the calls, send them, classify the reply, record the outcome."""
