//! The words of the Tidemark sync protocol, version 1.
