//! The HSM protocol: what the PKCS#11 library and the command line say to an HSM of a cluster.
//!
//! A frame is a length (4 bytes, most significant first) and a protobuf message of that length: [`Request`] one way,
//! [`Reply`] the other, strictly in turn on one connection. All requests share one flat message, so a new function is a
//! row of [`Function`] and no new shape. Unknown fields are ignored, an unknown function is answered with
//! `CKR_FUNCTION_NOT_SUPPORTED`: older and newer sides understand each other.
//!
//! The first frame of a connection is [`Function::Hello`]. It names the protocol version and the client: 32 random bytes
//! of one process, the same on all its connections. Login and sessions belong to the client, not to a connection, and
//! end with its last connection.

mod function;
mod mechanism;
mod message;

pub use function::{Function, Repeat};
pub use mechanism::{NotAMechanism, decode_mechanism, encode_mechanism};
pub use message::{AttributeReply, Reply, Request, TokenInfoReply, UserReply};

/// The version that [`Function::Hello`] names.
pub const VERSION: u64 = 1;

/// Bytes of a client's name.
pub const CLIENT_LEN: usize = 32;

/// Largest frame in bytes: more than the largest message that a single call may carry.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;

/// Most bytes that one call may ask for: random bytes, and room for an output.
pub const MAX_OUTPUT: u64 = 8 * 1024 * 1024;
