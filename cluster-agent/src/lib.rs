//! Clusters of HSMs: `cluster-agent` hosts them, `kinko` is their command line.
#![forbid(unsafe_code)]

pub mod activation;
pub mod config;
pub mod control;
pub mod hsm;
pub mod listener;
