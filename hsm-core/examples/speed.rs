//! How fast the mechanism layer is on one core, beside the crypto library alone.
//!
//! `cargo run --release -p hsm-core --example speed [seconds per row]`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, reason = "a tool for developers")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use hsm_core::crypto::curve::Curve;
use hsm_core::key::Key;
use hsm_core::mechanism::{MechanismDef, find};
use hsm_types::{AttributeType, KeyType, MechanismType, ObjectClass, Params, Template};

fn main() {
    let seconds = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(1.0);
    let meter = Meter(Duration::from_secs_f64(seconds));
    println!("{:40} {:>14}", "", "per CPU second");
    library(&meter);
    signatures(&meter);
    ciphers(&meter);
    macs_and_digests(&meter);
}

/// Runs rows for a while each.
struct Meter(Duration);

impl Meter {
    fn row(&self, name: &str, mut operation: impl FnMut()) {
        operation();
        let (start, used, mut count, mut batch) = (Instant::now(), processor_time(), 0_u64, 1_u64);
        while start.elapsed() < self.0 {
            for _ in 0..batch {
                operation();
            }
            count += batch;
            batch = (batch * 2).min(1000);
        }
        println!("{name:40} {:14.0}", count as f64 / (processor_time() - used).as_secs_f64());
    }
}

/// The processor time of this thread: other programs on a busy machine do not count.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

/// The crypto library's own interface.
fn library(meter: &Meter) {
    let rng = SystemRandom::new();
    for (name, size) in [("2048", KeySize::Rsa2048), ("4096", KeySize::Rsa4096)] {
        let key = RsaKeyPair::generate(size).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        meter.row(&format!("library: RSA-{name} sign SHA-256"), || {
            key.sign(&RSA_PKCS1_SHA256, &rng, &[1; 32], &mut signature).unwrap();
        });
        black_box(key.public_key());
    }
    for (name, algorithm) in [("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING), ("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING)]
    {
        let key = EcdsaKeyPair::generate(algorithm).unwrap();
        meter.row(&format!("library: ECDSA {name} sign"), || {
            black_box(key.sign(&rng, &[1; 32]).unwrap());
        });
    }
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[1; 32]).unwrap());
    let mut buffer = [0; 32];
    meter.row("library: AES-256-GCM encrypt 32 B", || {
        let nonce = Nonce::assume_unique_for_key([7; 12]);
        let _tag = black_box(key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut buffer).unwrap());
    });
    let mut buffer = vec![0; 1 << 20];
    meter.row("library: AES-256-GCM encrypt 1 MiB", || {
        let nonce = Nonce::assume_unique_for_key([7; 12]);
        let _tag = black_box(key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut buffer).unwrap());
    });
}

fn signatures(meter: &Meter) {
    for bits in [2048_u64, 4096] {
        let mut wanted = Template::new();
        wanted.set_ulong(AttributeType::MODULUS_BITS, bits);
        let (public, private) = pair(MechanismType::RSA_PKCS_KEY_PAIR_GEN, KeyType::RSA, wanted);
        let pss = Params::Pss { hash: MechanismType::SHA256, mgf: 2, salt_len: 32 };
        sign_rows(meter, &format!("RSA-{bits} PKCS"), MechanismType::SHA256_RSA_PKCS, &Params::None, &public, &private);
        sign_rows(meter, &format!("RSA-{bits} PSS"), MechanismType::SHA256_RSA_PKCS_PSS, &pss, &public, &private);
        let encrypt = mechanism(MechanismType::RSA_PKCS).ops.encrypt.unwrap();
        let decrypt = mechanism(MechanismType::RSA_PKCS).ops.decrypt.unwrap();
        let mut ciphertext = vec![0; public.size() as usize / 8];
        encrypt(&Params::None, &public).unwrap().process(&[1; 32], &mut ciphertext).unwrap();
        let mut output = vec![0; ciphertext.len()];
        meter.row(&format!("RSA-{bits} PKCS decrypt"), || {
            decrypt(&Params::None, &private).unwrap().process(&ciphertext, &mut output).unwrap();
        });
    }
    for (name, curve) in [("P-256", Curve::P256), ("P-384", Curve::P384), ("P-521", Curve::P521)] {
        let mut wanted = Template::new();
        wanted.set(AttributeType::EC_PARAMS, curve.ec_params());
        let (public, private) = pair(MechanismType::EC_KEY_PAIR_GEN, KeyType::EC, wanted);
        sign_rows(meter, &format!("ECDSA {name}"), MechanismType::ECDSA_SHA256, &Params::None, &public, &private);
    }
}

fn sign_rows(meter: &Meter, name: &str, id: MechanismType, params: &Params, public: &Arc<Key>, private: &Arc<Key>) {
    let def = mechanism(id);
    let (sign, verify) = (def.ops.sign.unwrap(), def.ops.verify.unwrap());
    let mut signature = vec![0; sign(params, private).unwrap().signature_len()];
    meter.row(&format!("{name} sign"), || {
        sign(params, private).unwrap().sign(&[1; 32], &mut signature).unwrap();
    });
    meter.row(&format!("{name} verify"), || {
        verify(params, public).unwrap().verify(&[1; 32], &signature).unwrap();
    });
}

fn ciphers(meter: &Meter) {
    let key = secret(KeyType::AES, &[1; 32]);
    let gcm = Params::Gcm { iv: vec![7; 12], aad: vec![], tag_bits: 128 };
    let gcm_60 = Params::Gcm { iv: vec![7; 60], aad: vec![], tag_bits: 128 };
    let cbc = Params::Bytes(vec![7; 16]);
    let ctr = Params::AesCtr { counter_bits: 128, counter_block: [0; 16] };
    for (name, id, params) in [
        ("AES-256-GCM", MechanismType::AES_GCM, &gcm),
        ("AES-256-GCM, 60-byte nonce", MechanismType::AES_GCM, &gcm_60),
        ("AES-256-CBC", MechanismType::AES_CBC, &cbc),
        ("AES-256-CTR", MechanismType::AES_CTR, &ctr),
        ("AES-256-ECB", MechanismType::AES_ECB, &Params::None),
    ] {
        let def = mechanism(id);
        for (size_name, size) in [("32 B", 32), ("1 MiB", 1 << 20)] {
            let (data, mut output) = (vec![0; size], vec![0; size + 16]);
            let encrypt = def.ops.encrypt.unwrap();
            let mut written = 0;
            meter.row(&format!("{name} encrypt {size_name}"), || {
                written = encrypt(params, &key).unwrap().process(&data, &mut output).unwrap();
            });
            let (decrypt, mut plain) = (def.ops.decrypt.unwrap(), vec![0; size]);
            meter.row(&format!("{name} decrypt {size_name}"), || {
                decrypt(params, &key).unwrap().process(&output[..written], &mut plain).unwrap();
            });
        }
    }
}

fn macs_and_digests(meter: &Meter) {
    let (generic, aes) = (secret(KeyType::GENERIC_SECRET, &[1; 32]), secret(KeyType::AES, &[1; 32]));
    for (name, id, key) in
        [("HMAC-SHA-256", MechanismType::SHA256_HMAC, &generic), ("AES-CMAC", MechanismType::AES_CMAC, &aes)]
    {
        let sign = mechanism(id).ops.sign.unwrap();
        let mut mac = [0; 64];
        meter.row(&format!("{name} 32 B"), || {
            sign(&Params::None, key).unwrap().sign(&[1; 32], &mut mac).unwrap();
        });
    }
    let digest = mechanism(MechanismType::SHA256).ops.digest.unwrap();
    let mut output = [0; 32];
    meter.row("SHA-256 32 B", || {
        let mut digester = digest(&Params::None).unwrap();
        digester.update(&[1; 32]);
        digester.finish(&mut output);
    });
}

fn mechanism(id: MechanismType) -> &'static MechanismDef {
    find(id).unwrap()
}

fn secret(key_type: KeyType, value: &[u8]) -> Arc<Key> {
    let mut attributes = Template::new();
    attributes.set(AttributeType::VALUE, value);
    key(ObjectClass::SECRET_KEY, key_type, attributes)
}

fn pair(id: MechanismType, key_type: KeyType, wanted: Template) -> (Arc<Key>, Arc<Key>) {
    let generate = mechanism(id).ops.generate_key_pair.unwrap();
    let (public, private) = generate(&Params::None, &wanted, &Template::new()).unwrap();
    (key(ObjectClass::PUBLIC_KEY, key_type, public), key(ObjectClass::PRIVATE_KEY, key_type, private))
}

fn key(class: ObjectClass, key_type: KeyType, mut attributes: Template) -> Arc<Key> {
    attributes.set_ulong(AttributeType::CLASS, class.0);
    attributes.set_ulong(AttributeType::KEY_TYPE, key_type.0);
    Arc::new(Key::from_attributes(&attributes).unwrap())
}
