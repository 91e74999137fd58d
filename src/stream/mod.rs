//! What comes one after the other.
