//! A recorded run as a file, of the kind that the file's ending names.

pub(crate) mod json_text;
