"""What a set can be written as, one file a format; each ends with `EXPORT = Export(...)` (`instruct_data.exporting`)."""
