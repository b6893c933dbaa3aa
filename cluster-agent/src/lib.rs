//! `cluster-agent` will host clusters of HSMs. Nothing is here yet: see the README for what works today.
#![forbid(unsafe_code)]
