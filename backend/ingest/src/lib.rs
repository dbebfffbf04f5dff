//! aisoc-ingest
