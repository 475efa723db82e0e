//! The module's allocator: two-level segregated fit, which takes as long however the memory looks,
//! in a quarter of the code of the standard library's (docs/decisions/0009).

use rlsf::SmallGlobalTlsf;

#[global_allocator]
static ALLOCATOR: SmallGlobalTlsf = SmallGlobalTlsf::new();
