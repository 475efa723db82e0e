//! The browser side of Tidemark: IndexedDB pages, fetch, the JavaScript API.
