//! An AWS JSON 1.1 server: targets, SigV4, error envelopes.
#![forbid(unsafe_code)]
