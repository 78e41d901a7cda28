"""What is done with pages: growing, taking and giving back, scavenging."""
