"""Server-sent events, native ASGI: a stream costs a task, never a thread."""
