"""What every wing builds on: words, bitmaps, tables, constants and size classes."""
