"""What may not be: requests that are refused, guards, fatal checks, and a damaged heap."""
