//! The two messages, and what they are made of.

use zeroize::Zeroize as _;

/// What a client asks. Which fields count is said at the [`Function`](super::Function).
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[prost(skip_debug)]
pub struct Request {
    /// The function's number.
    #[prost(uint32, tag = "1")]
    pub function: u32,
    /// The session.
    #[prost(uint64, tag = "2")]
    pub session: u64,
    /// An encoded mechanism; see [`encode_mechanism`](super::encode_mechanism).
    #[prost(bytes = "vec", optional, tag = "3")]
    pub mechanism: Option<Vec<u8>>,
    /// Object handles.
    #[prost(uint64, repeated, tag = "4")]
    pub objects: Vec<u64>,
    /// Encoded templates; see [`Template::encode`](crate::Template::encode).
    #[prost(bytes = "vec", repeated, tag = "5")]
    pub templates: Vec<Vec<u8>>,
    /// Input, or a password.
    #[prost(bytes = "vec", tag = "6")]
    pub data: Vec<u8>,
    /// A second input.
    #[prost(bytes = "vec", optional, tag = "7")]
    pub more: Option<Vec<u8>>,
    /// Bytes that the caller has room for; none is a question for the length.
    #[prost(uint64, optional, tag = "8")]
    pub room: Option<u64>,
    /// A number.
    #[prost(uint64, tag = "9")]
    pub number: u64,
    /// Attribute types.
    #[prost(uint64, repeated, tag = "10")]
    pub numbers: Vec<u64>,
}

/// What the HSM answers.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[prost(skip_debug)]
pub struct Reply {
    /// `CKR_…`; 0 is success.
    #[prost(uint64, tag = "1")]
    pub rv: u64,
    /// Why not, for the log: names the attribute and the rule. Never a secret.
    #[prost(string, tag = "2")]
    pub message: String,
    /// Output.
    #[prost(bytes = "vec", tag = "3")]
    pub data: Vec<u8>,
    /// A number: a length, a session, a state.
    #[prost(uint64, tag = "4")]
    pub number: u64,
    /// Object handles.
    #[prost(uint64, repeated, tag = "5")]
    pub objects: Vec<u64>,
    /// Attributes.
    #[prost(message, repeated, tag = "6")]
    pub attributes: Vec<AttributeReply>,
    /// Mechanisms: number, smallest key, largest key, flags, and so on.
    #[prost(uint64, repeated, tag = "7")]
    pub numbers: Vec<u64>,
    /// The token.
    #[prost(message, optional, tag = "8")]
    pub token: Option<TokenInfoReply>,
    /// Users.
    #[prost(message, repeated, tag = "9")]
    pub users: Vec<UserReply>,
}

/// One attribute: its value, or why there is none.
#[derive(Clone, PartialEq, Eq, prost::Message)]
#[prost(skip_debug)]
pub struct AttributeReply {
    /// `CKR_…`; 0 is success.
    #[prost(uint64, tag = "1")]
    pub rv: u64,
    /// The value.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// `CK_TOKEN_INFO`, as far as the HSM knows it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TokenInfoReply {
    /// Blank-padded, 32 bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub label: Vec<u8>,
    /// 16 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub serial: Vec<u8>,
    /// `CKF_…`.
    #[prost(uint64, tag = "3")]
    pub flags: u64,
    /// Sessions that one client may open.
    #[prost(uint64, tag = "4")]
    pub max_sessions: u64,
    /// Open sessions of this client.
    #[prost(uint64, tag = "5")]
    pub sessions: u64,
    /// Read/write ones among them.
    #[prost(uint64, tag = "6")]
    pub rw_sessions: u64,
    /// Longest password in bytes.
    #[prost(uint64, tag = "7")]
    pub max_pin: u64,
    /// Shortest password in bytes.
    #[prost(uint64, tag = "8")]
    pub min_pin: u64,
    /// `YYYYMMDDhhmmss00`, UTC.
    #[prost(bytes = "vec", tag = "9")]
    pub utc_time: Vec<u8>,
}

/// A user of the cluster.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct UserReply {
    /// The name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// 0 admin, 1 crypto user, 2 an admin of a cluster that is not activated.
    #[prost(uint32, tag = "2")]
    pub role: u32,
    /// Whether five wrong passwords have locked the account.
    #[prost(bool, tag = "3")]
    pub locked: bool,
}

impl Drop for Request {
    fn drop(&mut self) {
        self.data.zeroize();
        self.more.zeroize();
        self.templates.zeroize();
        self.mechanism.zeroize();
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.data.zeroize();
    }
}

impl Drop for AttributeReply {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl core::fmt::Debug for Request {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let function = super::Function::of_code(self.function).map_or("unknown", super::Function::name);
        f.debug_struct("Request").field("function", &function).field("session", &self.session).finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Reply {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Reply").field("rv", &self.rv).field("message", &self.message).finish_non_exhaustive()
    }
}

impl core::fmt::Debug for AttributeReply {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("AttributeReply").field("rv", &self.rv).finish_non_exhaustive()
    }
}
