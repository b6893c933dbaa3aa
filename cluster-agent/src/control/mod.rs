//! The control plane: clusters, HSMs, backups, subnets, and the CloudHSM v2 API over them.
