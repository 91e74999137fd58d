//! Files, on the blocking pool.
