//! What `C_GetTokenInfo` and the mechanism calls tell.

use hsm_types::{MechanismInfo, MechanismType};
use time::OffsetDateTime;

use super::Token;
use crate::error::Error;
use crate::lockout::Standing;
use crate::mechanism::{self, MECHANISMS};
use crate::user::Role;

/// `CK_TOKEN_INFO`, without the C.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// Blank-padded UTF-8.
    pub label: [u8; 32],
    /// Who makes the token.
    pub manufacturer: &'static str,
    /// What kind of token.
    pub model: &'static str,
    /// 16 hexadecimal digits.
    pub serial: [u8; 16],
    /// `CKF_…`.
    pub flags: u64,
    /// Sessions that one process may open.
    pub max_session_count: u64,
    /// Sessions that this process has open.
    pub session_count: u64,
    /// Read/write sessions that one process may open.
    pub max_rw_session_count: u64,
    /// Read/write sessions that this process has open.
    pub rw_session_count: u64,
    /// Longest password in bytes, a user's name and colon not counted.
    pub max_pin_len: u64,
    /// Shortest password in bytes.
    pub min_pin_len: u64,
    /// Memory in bytes: not told, as the disk is the limit.
    pub total_public_memory: u64,
    /// Likewise.
    pub free_public_memory: u64,
    /// Likewise.
    pub total_private_memory: u64,
    /// Likewise.
    pub free_private_memory: u64,
    /// There is no hardware.
    pub hardware_version: (u8, u8),
    /// The software's version.
    pub firmware_version: (u8, u8),
    /// `YYYYMMDDhhmmss00`, UTC.
    pub utc_time: [u8; 16],
}

/// `CK_UNAVAILABLE_INFORMATION`.
const UNAVAILABLE: u64 = u64::MAX;
const CKF_RNG: u64 = 1;
const CKF_LOGIN_REQUIRED: u64 = 1 << 2;
const CKF_USER_PIN_INITIALIZED: u64 = 1 << 3;
const CKF_CLOCK_ON_TOKEN: u64 = 1 << 6;
const CKF_TOKEN_INITIALIZED: u64 = 1 << 10;
/// `…_COUNT_LOW`, `…_FINAL_TRY`, `…_LOCKED` of the user follow each other from here,
const CKF_USER_PIN_COUNT_LOW: u64 = 1 << 16;
/// and those of the SO from here.
const CKF_SO_PIN_COUNT_LOW: u64 = 1 << 20;

impl Token {
    /// What the token is, and how its default user and SO stand.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a record that does not open; the store's.
    pub fn info(&self) -> Result<TokenInfo, Error> {
        self.refresh()?;
        let meta = self.meta.read()?.clone();
        let (session_count, rw_session_count) = self.session_counts()?;
        let most_sessions = u64::try_from(super::sessions::MAX_SESSIONS).unwrap_or(u64::MAX);
        let lengths = meta.password_policy.lengths();
        Ok(TokenInfo {
            label: meta.label,
            manufacturer: "Kinko",
            model: "Kinko soft token",
            serial: meta.serial,
            flags: CKF_RNG | CKF_LOGIN_REQUIRED | CKF_CLOCK_ON_TOKEN | CKF_TOKEN_INITIALIZED | self.pin_flags()?,
            max_session_count: most_sessions,
            session_count,
            max_rw_session_count: most_sessions,
            rw_session_count,
            max_pin_len: u64::try_from(*lengths.end()).unwrap_or(u64::MAX),
            min_pin_len: u64::try_from(*lengths.start()).unwrap_or_default(),
            total_public_memory: UNAVAILABLE,
            free_public_memory: UNAVAILABLE,
            total_private_memory: UNAVAILABLE,
            free_private_memory: UNAVAILABLE,
            hardware_version: (0, 0),
            firmware_version: (0, 1),
            utc_time: utc_time(self.settings.clock.now()),
        })
    }

    /// The mechanisms, in the order of their numbers.
    #[must_use]
    pub fn mechanisms(&self) -> Vec<MechanismType> {
        MECHANISMS.iter().map(|definition| definition.id).collect()
    }

    /// What a mechanism can do.
    ///
    /// # Errors
    /// [`Error::MechanismInvalid`].
    pub fn mechanism_info(&self, mechanism: MechanismType) -> Result<MechanismInfo, Error> {
        mechanism::find(mechanism).map(|definition| definition.info()).ok_or(Error::MechanismInvalid(mechanism))
    }

    fn pin_flags(&self) -> Result<u64, Error> {
        let accounts = self.accounts(&self.barrier)?;
        let mut flags = 0;
        for (role, count_low, initialized) in [
            (Role::CryptoUser, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_INITIALIZED),
            (Role::Admin, CKF_SO_PIN_COUNT_LOW, 0),
        ] {
            let Some(account) = accounts.find_user(role, role.default_name())? else { continue };
            flags |= initialized;
            flags |= match accounts.standing(account.id)? {
                Standing::Clear => 0,
                Standing::CountLow => count_low,
                Standing::FinalTry => count_low | (count_low << 1),
                Standing::Locked => count_low << 2,
            };
        }
        Ok(flags)
    }
}

/// `YYYYMMDDhhmmss00` for seconds since 1970; blanks for a year that the field cannot hold.
fn utc_time(seconds: u64) -> [u8; 16] {
    let now = i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let text = now.map(|now| {
        let (year, month, day) = now.to_calendar_date();
        let (hour, minute, second) = now.to_hms();
        format!("{year:04}{:02}{day:02}{hour:02}{minute:02}{second:02}00", u8::from(month))
    });
    text.and_then(|text| text.into_bytes().try_into().ok()).unwrap_or([b' '; 16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_time_agrees_with_known_dates() {
        for (seconds, text) in [
            (0, b"1970010100000000"),
            (951_827_696, b"2000022912345600"),
            (1_709_251_199, b"2024022923595900"),
            (4_102_444_800, b"2100010100000000"),
        ] {
            assert_eq!(&utc_time(seconds), text, "{seconds}");
        }
    }
}
