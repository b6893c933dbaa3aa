//! The timestamps of SigV4: `yyyymmddThhmmssZ`, always UTC.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// Seconds since 1970; `None` when it is not such a timestamp.
pub(super) fn parse(text: &str) -> Option<u64> {
    let shape = text.len() == 16 && text.get(8..9) == Some("T") && text.ends_with('Z');
    if !shape {
        return None;
    }
    let date = Date::from_calendar_date(
        i32::from(number::<u16>(text, 0, 4)?),
        Month::try_from(number::<u8>(text, 4, 6)?).ok()?,
        number(text, 6, 8)?,
    );
    let time = Time::from_hms(number(text, 9, 11)?, number(text, 11, 13)?, number(text, 13, 15)?);
    let moment = PrimitiveDateTime::new(date.ok()?, time.ok()?).assume_utc();
    u64::try_from(moment.unix_timestamp()).ok()
}

fn number<T: std::str::FromStr>(text: &str, from: usize, to: usize) -> Option<T> {
    let digits = text.get(from..to).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok()
}

/// The timestamp of a moment in seconds since 1970.
pub(super) fn format(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = moment.to_calendar_date();
    let (hour, minute, second) = moment.to_hms();
    format!("{year:04}{:02}{day:02}T{hour:02}{minute:02}{second:02}Z", u8::from(month))
}
