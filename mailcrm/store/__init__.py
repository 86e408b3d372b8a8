"""Engine, tables, blobs and migrations."""
