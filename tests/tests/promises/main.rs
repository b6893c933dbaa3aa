//! The promises of the README and of the threat model, one file each, named after the promise.

mod attacks;
mod bad_input;
mod damage_is_named;
mod failing_disk;
mod five_strikes;
mod full_disk;
mod host_safety;
mod model;
mod new_token_seen;
mod no_oracle;
mod nothing_lost;
mod random_calls;
mod templates;
mod two_processes;
mod users_apart;
