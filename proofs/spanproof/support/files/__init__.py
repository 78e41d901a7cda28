"""What commands read and write: files that are written whole, folders, stores, streams."""
