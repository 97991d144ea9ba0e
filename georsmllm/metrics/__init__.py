"""How answers are judged: each function states its empty, tie and resolution rule."""
