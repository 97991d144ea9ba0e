"""One task per file: its wordings, its questions, its reader and its judge together."""
