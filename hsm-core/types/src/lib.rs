//! The words that every part of Kinko shares: PKCS#11 numbers with their names, identifiers,
//! templates and mechanism parameters. No cryptography, no I/O.
//! [`wire`] holds the messages of the HSM protocol.
#![forbid(unsafe_code)]

mod attribute_type;
mod code;
mod ids;
mod key_type;
mod mechanism;
mod mechanism_type;
mod object_class;
mod rv;
mod template;
pub mod wire;

pub use attribute_type::AttributeType;
pub use ids::{ObjectId, SlotId, UserId};
pub use key_type::KeyType;
pub use mechanism::{Mechanism, MechanismInfo, Params};
pub use mechanism_type::MechanismType;
pub use object_class::ObjectClass;
pub use rv::Rv;
pub use template::{DuplicateAttribute, NotATemplate, Template, Value, is_nested};
