//! The five strikes, as a pure decision.
//!
//! An attempt is counted *before* the password is looked at, and only a right password takes the count back. So a
//! crash, a race or a hung process can cost the user an attempt, and never give a guesser one.

/// How many attempts an account has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutPolicy {
    /// The count at which the account is locked.
    pub strikes: u32,
}

/// What happens to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants a password checked.
    Attempt,
    /// The password of a counted attempt was right.
    Right,
    /// The password of a counted attempt was wrong.
    Wrong,
    /// An admin set a new password.
    Unlock,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Write this count; when it is durable, and not before, go on.
    Write(u32),
    /// Leave the count as it is.
    Keep,
    /// The account is locked; do not look at the password.
    Locked,
}

/// How an account stands, for `CKF_USER_PIN_*` and their `SO` counterparts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No attempt is counted.
    Clear,
    /// An attempt was wrong since the last login (`CKF_USER_PIN_COUNT_LOW`).
    CountLow,
    /// The next wrong attempt locks the account (`CKF_USER_PIN_FINAL_TRY`).
    FinalTry,
    /// The account is locked (`CKF_USER_PIN_LOCKED`).
    Locked,
}

impl LockoutPolicy {
    /// Five strikes: what CloudHSM does.
    pub const FIVE: Self = Self { strikes: 5 };

    /// What follows from an event, given the count that is written now.
    #[must_use]
    pub const fn judge(self, count: u32, event: Event) -> Verdict {
        match event {
            Event::Attempt if count < self.strikes => Verdict::Write(count + 1),
            Event::Attempt => Verdict::Locked,
            Event::Wrong if count >= self.strikes => Verdict::Locked,
            Event::Wrong => Verdict::Keep,
            Event::Right | Event::Unlock => Verdict::Write(0),
        }
    }

    /// How an account with this count stands.
    #[must_use]
    pub const fn standing(self, count: u32) -> Standing {
        match count {
            0 => Standing::Clear,
            count if count >= self.strikes => Standing::Locked,
            count if count + 1 == self.strikes => Standing::FinalTry,
            _ => Standing::CountLow,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_attempts_are_checked_and_a_sixth_is_not() {
        let mut count = 0;
        for attempt in 1..=5 {
            assert_eq!(LockoutPolicy::FIVE.judge(count, Event::Attempt), Verdict::Write(attempt));
            count = attempt;
        }
        assert_eq!(LockoutPolicy::FIVE.judge(count, Event::Attempt), Verdict::Locked);
    }

    #[test]
    fn the_fifth_wrong_attempt_locks_and_a_right_one_clears() {
        let verdicts = [4, 5].map(|count| LockoutPolicy::FIVE.judge(count, Event::Wrong));
        assert_eq!(verdicts, [Verdict::Keep, Verdict::Locked]);
        assert_eq!(LockoutPolicy::FIVE.judge(5, Event::Right), Verdict::Write(0));
    }

    #[test]
    fn a_count_beyond_the_limit_stays_locked() {
        assert_eq!(LockoutPolicy::FIVE.judge(u32::MAX, Event::Attempt), Verdict::Locked);
        assert_eq!(LockoutPolicy::FIVE.standing(u32::MAX), Standing::Locked);
    }

    #[test]
    fn standing_warns_before_it_locks() {
        let standings = [0, 1, 3, 4, 5].map(|count| LockoutPolicy::FIVE.standing(count));
        let expected = [Standing::Clear, Standing::CountLow, Standing::CountLow, Standing::FinalTry, Standing::Locked];
        assert_eq!(standings, expected);
    }
}
