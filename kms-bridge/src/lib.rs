//! `kms-bridge` will be the KMS side. Nothing is here yet: see the README for what works today.
#![forbid(unsafe_code)]
