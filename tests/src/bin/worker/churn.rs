//! Creates, generates, changes and destroys token objects and changes the PIN, and says what it does.
//!
//! `begin …` is said before a call and `done …` after it was acknowledged, so that whoever reads
//! knows the outcome of every call but the last. First of all it lists what the token holds.

use cryptoki_sys::{
    CKA_CLASS, CKA_DECRYPT, CKA_ENCRYPT, CKA_ID, CKA_KEY_TYPE, CKA_LABEL, CKA_SENSITIVE, CKA_TOKEN, CKA_VALUE,
    CKA_VALUE_LEN, CKK_AES, CKM_AES_ECB, CKM_AES_KEY_GEN, CKO_SECRET_KEY,
};
use kinko_tests::attribute::{bytes, no, number, yes};
use kinko_tests::{Access, Attribute, Mechanism, Object, Rv, Session, User};

use crate::{library, say};

/// Logs in with the first of `pins` that is right, lists, and makes `operations` random calls.
pub fn run(label: &str, seed: u64, operations: u64, pins: &[&str]) {
    let library = library();
    let slot = library.slot_of(label).expect("the token");
    let session = library.open(slot, Access::ReadWrite).expect("a session");
    let pin = pins.iter().find(|pin| session.login(User::User, pin).is_ok()).expect("one PIN is right");
    say(&format!("pin {pin}"));
    let mut churn = Churn { session, dice: Dice(seed | 1), run: seed, pin: (*pin).to_owned(), alive: Vec::new() };
    churn.list();
    say("listed");
    for step in 0..operations {
        churn.step(step);
    }
    say("end");
}

struct Churn<'l> {
    session: Session<'l>,
    dice: Dice,
    run: u64,
    pin: String,
    alive: Vec<(Object, String)>,
}

impl Churn<'_> {
    /// Says `have <label> <id> <proof>` for every key; the proof needs the whole key.
    fn list(&mut self) {
        for key in self.session.find(&[number(CKA_CLASS, CKO_SECRET_KEY)]).expect("a search") {
            let label = self.session.attribute(key, CKA_LABEL).expect("a label");
            let label = String::from_utf8(label).expect("our labels are text");
            let id = self.session.attribute(key, CKA_ID).expect("an id");
            let id = String::from_utf8(id).expect("our ids are text");
            say(&format!("have {label} {id} {}", self.proof(key)));
            self.alive.push((key, label));
        }
    }

    fn step(&mut self, step: u64) {
        let label = format!("{}.{step}", self.run);
        match self.dice.below(100) {
            0 => self.change_pin(step),
            1..20 => self.create(label),
            20..40 => self.generate(label),
            40..65 => self.set(step),
            _ if self.alive.len() > 20 => self.destroy(),
            _ => self.create(label),
        }
    }

    fn create(&mut self, label: String) {
        let value = self.dice.key();
        say(&format!("begin create {label}"));
        let template = [key_template(&label).as_slice(), &[bytes(CKA_VALUE, value)]].concat();
        let answer = self.session.create(&template);
        self.made("create", label, answer);
    }

    fn generate(&mut self, label: String) {
        say(&format!("begin generate {label}"));
        let template = [key_template(&label).as_slice(), &[number(CKA_VALUE_LEN, 32)]].concat();
        let answer = self.session.generate(&Mechanism::plain(CKM_AES_KEY_GEN), &template);
        self.made("generate", label, answer);
    }

    fn made(&mut self, what: &str, label: String, answer: Result<Object, Rv>) {
        match answer {
            Ok(key) => {
                say(&format!("done {what} {label} {}", self.proof(key)));
                self.alive.push((key, label));
            }
            Err(rv) => say(&format!("refused {what} {label} {rv}")),
        }
    }

    fn set(&mut self, step: u64) {
        let Some(at) = self.dice.pick(self.alive.len()) else { return };
        let (key, label) = &self.alive[at];
        let id = format!("{}-{step}", self.run);
        say(&format!("begin set {label} {id}"));
        match self.session.set(*key, &[bytes(CKA_ID, &id)]) {
            Ok(()) => say(&format!("done set {label} {id}")),
            Err(rv) => say(&format!("refused set {label} {rv}")),
        }
    }

    fn destroy(&mut self) {
        let Some(at) = self.dice.pick(self.alive.len()) else { return };
        let (key, label) = self.alive.swap_remove(at);
        say(&format!("begin destroy {label}"));
        match self.session.destroy(key) {
            Ok(()) => say(&format!("done destroy {label}")),
            Err(rv) => say(&format!("refused destroy {label} {rv}")),
        }
    }

    fn change_pin(&mut self, step: u64) {
        let new = format!("pin-{}-{step}", self.run);
        say(&format!("begin pin {new}"));
        match self.session.set_pin(&self.pin, &new) {
            Ok(()) => {
                say(&format!("done pin {new}"));
                self.pin = new;
            }
            Err(rv) => say(&format!("refused pin {new} {rv}")),
        }
    }

    /// What the key makes of a block of zeros.
    fn proof(&self, key: Object) -> String {
        match self.session.encrypt(&Mechanism::plain(CKM_AES_ECB), key, &[0; 16]) {
            Ok(block) => hex::encode(block),
            Err(rv) => format!("unusable:{rv}"),
        }
    }
}

fn key_template(label: &str) -> Vec<Attribute> {
    vec![
        number(CKA_CLASS, CKO_SECRET_KEY),
        number(CKA_KEY_TYPE, CKK_AES),
        yes(CKA_TOKEN),
        no(CKA_SENSITIVE),
        yes(CKA_ENCRYPT),
        yes(CKA_DECRYPT),
        bytes(CKA_LABEL, label),
        bytes(CKA_ID, "new"),
    ]
}

/// Xorshift: repeatable choices, nothing secret.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick(&mut self, count: usize) -> Option<usize> {
        (count > 0).then(|| usize::try_from(self.next()).unwrap_or(usize::MAX) % count)
    }

    fn key(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| self.next().to_be_bytes()[0])
    }
}
