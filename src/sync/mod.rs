//! How tasks of one thread wait for each other.
