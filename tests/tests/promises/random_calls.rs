//! Any sequence of calls: thousands of random ones, and no output ever holds a key that may not come out.

use cryptoki_sys::{
    CK_ATTRIBUTE_TYPE, CKA_DECRYPT, CKA_DERIVE, CKA_ENCRYPT, CKA_EXTRACTABLE, CKA_MODIFIABLE, CKA_PRIVATE,
    CKA_SENSITIVE, CKA_SIGN, CKA_TOKEN, CKA_TRUSTED, CKA_UNWRAP, CKA_VALUE, CKA_VERIFY, CKA_WRAP,
    CKA_WRAP_WITH_TRUSTED, CKK_AES, CKK_GENERIC_SECRET, CKM_AES_CBC_PAD, CKM_AES_CMAC, CKM_AES_CTR, CKM_AES_ECB,
    CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP, CKM_RSA_PKCS, CKM_SHA256, CKM_SHA256_HMAC,
};
use kinko_tests::attribute::{no, yes};
use kinko_tests::{Attribute, Mechanism, Object, Rig, Rv, Session, alone};

use crate::model::Dice;
use crate::templates::{aes, hmac_key, known_aes, only, rsa_pair, secret};

const CALLS: usize = 6000;

const SETTABLE: [CK_ATTRIBUTE_TYPE; 14] = [
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_SIGN,
    CKA_VERIFY,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_DERIVE,
    CKA_SENSITIVE,
    CKA_EXTRACTABLE,
    CKA_WRAP_WITH_TRUSTED,
    CKA_TRUSTED,
    CKA_MODIFIABLE,
    CKA_PRIVATE,
    CKA_TOKEN,
];

const MECHANISMS: [u64; 9] = [
    CKM_AES_ECB,
    CKM_AES_CBC_PAD,
    CKM_AES_CTR,
    CKM_AES_KEY_WRAP,
    CKM_AES_KEY_WRAP_KWP,
    CKM_AES_CMAC,
    CKM_RSA_PKCS,
    CKM_SHA256_HMAC,
    CKM_SHA256,
];

/// An attacker who is logged in and calls anything with anything that an earlier call gave.
struct Attacker<'s, 'l> {
    session: &'s Session<'l>,
    dice: Dice,
    /// The value that must not come out.
    secret: Vec<u8>,
    objects: Vec<Object>,
    blobs: Vec<Vec<u8>>,
}

impl Attacker<'_, '_> {
    fn call(&mut self) {
        let (key, other) = (self.object(), self.object());
        let (mechanism, blob) = (self.mechanism(), self.blob());
        match self.dice.below(11) {
            0 => self.sees(self.session.encrypt(&mechanism, key, &blob)),
            1 => self.sees(self.session.decrypt(&mechanism, key, &blob)),
            2 => self.sees(self.session.sign(&mechanism, key, &blob)),
            3 => self.sees(self.session.wrap(&mechanism, key, other)),
            4 => {
                let template = self.template();
                self.holds(self.session.unwrap(&mechanism, key, &blob, &template));
            }
            5 => {
                let template = self.template();
                self.holds(self.session.derive(&mechanism, key, &template));
            }
            6 => {
                let change = self.change();
                self.holds(self.session.copy(key, &change));
            }
            7 => {
                let change = self.change();
                let _ = self.session.set(key, &change);
            }
            8 => {
                let usages: Vec<_> = (0..2).map(|_| SETTABLE[self.dice.below(7) as usize]).collect();
                let change = self.change();
                self.holds(aes(self.session, &usages, &change));
            }
            9 => {
                // A key that the attacker knows, since the attacker chose it.
                let usages: Vec<_> = (0..2).map(|_| SETTABLE[self.dice.below(7) as usize]).collect();
                self.holds(known_aes(self.session, &[0x42; 32], &usages, &[]));
            }
            _ => self.sees(self.session.attribute(key, CKA_VALUE)),
        }
    }

    /// The heart of it: whatever a call gives, it is not the secret; and it can be used in later calls.
    fn sees(&mut self, output: Result<Vec<u8>, Rv>) {
        let Ok(bytes) = output else { return };
        let leak = self.secret.windows(8).any(|part| bytes.windows(8).any(|seen| seen == part));
        assert!(!leak, "the key came out, {:?}", self.dice);
        if bytes.len() < 2000 {
            let at = self.dice.below(32) as usize;
            if self.blobs.len() <= at { self.blobs.push(bytes) } else { self.blobs[at] = bytes }
        }
    }

    fn holds(&mut self, made: Result<Object, Rv>) {
        let Ok(object) = made else { return };
        self.sees(self.session.attribute(object, CKA_VALUE));
        // The first ones are the keys under attack; the attacker keeps those.
        let at = 4 + self.dice.below(60) as usize;
        if self.objects.len() <= at {
            self.objects.push(object);
        } else {
            let old = std::mem::replace(&mut self.objects[at], object);
            let _ = self.session.destroy(old);
        }
    }

    fn object(&mut self) -> Object {
        // Every second choice is among the keys under attack.
        let among = if self.dice.below(2) == 0 { 4 } else { self.objects.len() as u64 };
        self.objects[self.dice.below(among) as usize]
    }

    fn blob(&mut self) -> Vec<u8> {
        let at = self.dice.below(self.blobs.len() as u64) as usize;
        self.blobs[at].clone()
    }

    fn mechanism(&mut self) -> Mechanism {
        match MECHANISMS[self.dice.below(9) as usize] {
            CKM_AES_CBC_PAD => Mechanism::with_bytes(CKM_AES_CBC_PAD, &[0; 16]),
            id => Mechanism::plain(id),
        }
    }

    fn change(&mut self) -> Vec<Attribute> {
        let count = self.dice.below(3);
        let mut one = || {
            let kind = SETTABLE[self.dice.below(14) as usize];
            if self.dice.below(2) == 0 { yes(kind) } else { no(kind) }
        };
        (0..count).map(|_| one()).collect()
    }

    fn template(&mut self) -> Vec<Attribute> {
        let key_type = [CKK_AES, CKK_GENERIC_SECRET][self.dice.below(2) as usize];
        let usage = SETTABLE[self.dice.below(7) as usize];
        [secret(key_type, &only(&[usage])), self.change()].concat()
    }
}

fn attack(rig: &Rig, extractable: Attribute) {
    let library = rig.library();
    let session = library.user_session(library.new_token("any calls"));
    let secret = session.random(32).expect("C_GenerateRandom");
    let target = known_aes(&session, &secret, &[CKA_ENCRYPT, CKA_DECRYPT], &[extractable]).expect("the target");
    let wrapping = aes(&session, &[CKA_WRAP, CKA_UNWRAP], &[]).expect("a wrapping key");
    let (public, private) = rsa_pair(&session, &[CKA_WRAP], &[CKA_UNWRAP], &[]).expect("an RSA pair");
    let hmac = hmac_key(&session, &[]).expect("a generic secret");
    let dice = Dice::thrown();
    println!("{dice:?}");
    let blobs = vec![vec![0; 16], vec![0; 32], vec![0x42; 32]];
    let objects = vec![target, wrapping, public, private, hmac];
    let mut attacker = Attacker { session: &session, dice, secret, objects, blobs };
    for _ in 0..CALLS {
        attacker.call();
    }
}

#[test]
fn no_sequence_of_calls_gives_out_an_unextractable_key() {
    alone(|rig| attack(rig, no(CKA_EXTRACTABLE)));
}

#[test]
fn no_sequence_of_calls_gives_out_an_extractable_sensitive_key() {
    alone(|rig| attack(rig, yes(CKA_EXTRACTABLE)));
}
