"""How an implementation in any language is asked: messages, their forms, and processes."""
