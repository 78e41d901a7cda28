"""What every test needs: properties without a deadline, as another process may have the machine."""

from hypothesis import settings

settings.register_profile("spanspec", deadline=None, database=None)
settings.load_profile("spanspec")
