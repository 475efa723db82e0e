//! The mind of Tidemark: fingerprints, merge, the page store, the device and the truth, without I/O.
