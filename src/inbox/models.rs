//! Models of the protocol between threads, for loom.
