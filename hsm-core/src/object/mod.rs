pub mod pkcs8;
