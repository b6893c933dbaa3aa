//! The seam between this server and the API it serves.

use crate::ApiError;

/// One call whose signature has been verified.
#[derive(Debug, Clone)]
pub struct Call {
    /// A version 4 UUID, also sent as `x-amzn-RequestId`.
    pub request_id: String,
    /// Whose signature it was.
    pub caller: Caller,
    /// The Region of the signature's credential scope.
    pub region: String,
    /// The operation's name, one of [`Service::operations`].
    pub operation: String,
    /// The parsed JSON body.
    pub body: serde_json::Map<String, serde_json::Value>,
}

/// Who made a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The access key's ID (`AKIA…`); not a secret.
    pub access_key_id: String,
    /// The account, 12 digits.
    pub account: String,
    /// ARN of the user or role the key belongs to.
    pub principal_arn: String,
}

/// An API served over AWS JSON 1.1.
pub trait Service: Send + Sync + 'static {
    /// What stands before the dot in `X-Amz-Target`: `BaldrApiService`, `TrentService`.
    fn target_prefix(&self) -> &'static str;
    /// The service's name in credential scopes: `cloudhsm`, `kms`.
    fn signing_name(&self) -> &'static str;
    /// How the service spells the message member of its errors: `Message` or `message`.
    fn message_member(&self) -> &'static str;
    /// All operations; another one is answered with `UnknownOperationException`.
    fn operations(&self) -> &'static [&'static str];
    /// Carries out a call. May block: it runs on a bounded pool, never on the threads that serve connections.
    /// [`serde_json::Value::Null`] is sent as an empty body.
    ///
    /// # Errors
    /// The modelled exception the caller is to receive.
    fn call(&self, call: &Call) -> Result<serde_json::Value, ApiError>;
}
