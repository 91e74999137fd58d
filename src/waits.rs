//! The one wait list.
