//! What a token must hold, going by what a churning worker said before it died.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};
use std::{env, hint};

/// What may be true of one key.
#[derive(Clone, Debug)]
struct Key {
    presence: Presence,
    ids: BTreeSet<String>,
    proof: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Certain,
    Possible,
    Gone,
}

/// The expected state of a token: certain where a call was acknowledged, open where it was not.
#[derive(Debug)]
pub struct Model {
    keys: BTreeMap<String, Key>,
    listed: BTreeSet<String>,
    /// The PINs of which one must be right.
    pub pins: Vec<String>,
    /// How many calls were acknowledged.
    pub acknowledged: usize,
    /// The answers of the calls that were refused.
    pub refused: Vec<String>,
    /// How many objects the last listing showed.
    pub present: usize,
}

impl Model {
    pub fn new(pin: &str) -> Self {
        let (keys, listed) = (BTreeMap::new(), BTreeSet::new());
        Self { keys, listed, pins: vec![pin.into()], acknowledged: 0, refused: Vec::new(), present: 0 }
    }

    /// Takes in one line of the worker, and fails the test if it contradicts what is certain.
    pub fn hear(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["pin", pin] => self.pin_was(pin),
            ["have", label, id, proof] => self.have(label, id, proof),
            ["listed"] => self.listed(),
            ["begin", "create" | "generate", label] => self.begin_make(label),
            ["done", "create" | "generate", label, proof] => self.done_make(label, proof),
            ["begin", "set", label, id] => _ = self.key(label).ids.insert((*id).into()),
            ["done", "set", label, id] => self.done_set(label, id),
            ["begin", "destroy", label] => self.key(label).presence = Presence::Possible,
            ["done", "destroy", label] => self.done_destroy(label),
            ["begin", "pin", new] => self.pins.push((*new).into()),
            ["done", "pin", new] => self.done_pin(new),
            ["refused", _, _, rv] => self.refused.push((*rv).into()),
            ["end"] => {}
            other => panic!("the worker said {other:?}"),
        }
    }

    fn key(&mut self, label: &str) -> &mut Key {
        self.keys.get_mut(label).unwrap_or_else(|| panic!("{label} was never made"))
    }

    fn pin_was(&mut self, pin: &str) {
        assert!(self.pins.iter().any(|known| known == pin), "{pin} logged in, expected one of {:?}", self.pins);
        self.pins = vec![pin.into()];
        // The worker before may have died in the middle of its listing.
        self.listed.clear();
    }

    fn have(&mut self, label: &str, id: &str, proof: &str) {
        let first = self.listed.insert(label.into());
        let key = self.key(label);
        assert!(first, "{label} is there twice");
        assert_ne!(key.presence, Presence::Gone, "{label} was destroyed and came back");
        assert!(key.ids.contains(id), "{label} has the id {id}, expected one of {:?}", key.ids);
        assert!(!proof.starts_with("unusable"), "{label} is {proof}");
        assert!(key.proof.as_deref().is_none_or(|known| known == proof), "{label} has another value");
        *key = Key { presence: Presence::Certain, ids: [id.to_owned()].into(), proof: Some(proof.into()) };
    }

    fn listed(&mut self) {
        for (label, key) in &mut self.keys {
            if !self.listed.contains(label) {
                assert_ne!(key.presence, Presence::Certain, "{label} was acknowledged and is lost");
                key.presence = Presence::Gone;
            }
        }
        self.present = self.listed.len();
        self.listed.clear();
    }

    fn begin_make(&mut self, label: &str) {
        let key = Key { presence: Presence::Possible, ids: ["new".to_owned()].into(), proof: None };
        assert!(self.keys.insert(label.into(), key).is_none(), "{label} is made once");
    }

    fn done_make(&mut self, label: &str, proof: &str) {
        self.acknowledged += 1;
        let key = self.key(label);
        key.presence = Presence::Certain;
        key.proof = Some(proof.into());
    }

    fn done_set(&mut self, label: &str, id: &str) {
        self.acknowledged += 1;
        self.key(label).ids = [id.to_owned()].into();
    }

    fn done_destroy(&mut self, label: &str) {
        self.acknowledged += 1;
        self.key(label).presence = Presence::Gone;
    }

    fn done_pin(&mut self, new: &str) {
        self.acknowledged += 1;
        self.pins = vec![new.into()];
    }
}

/// Random choices of a test, repeatable with `KINKO_TEST_SEED`.
#[derive(Debug)]
pub struct Dice {
    /// The seed, printed by every failing assertion that shows the dice.
    #[allow(dead_code, reason = "read by Debug")]
    seed: u64,
    state: u64,
}

impl Dice {
    pub fn thrown() -> Self {
        let seed = env::var("KINKO_TEST_SEED").ok().and_then(|text| text.parse().ok());
        let seed = seed.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        Self { seed, state: seed | 1 }
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % limit
    }

    /// Passes a random part of `most`: the point of a kill must fall anywhere.
    pub fn spin(&mut self, most: Duration) {
        let nanoseconds = u64::try_from(most.as_nanos()).expect("less than five centuries");
        let until = Instant::now() + Duration::from_nanos(self.below(nanoseconds));
        while Instant::now() < until {
            hint::spin_loop();
        }
    }
}
