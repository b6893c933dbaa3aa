import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.SecureRandom;
import java.security.Security;
import java.security.Signature;
import java.security.cert.Certificate;
import java.util.Arrays;
import java.util.Collections;
import javax.crypto.Cipher;
import javax.crypto.KeyGenerator;
import javax.crypto.SecretKey;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;

/**
 * What a Java program does with a token through SunPKCS11: <code>KeyStoreTrip cfg pin make|find</code>.
 *
 * <code>make</code> stores a new AES key; both use every key of the store, so that <code>find</code>, in a JVM of its
 * own, proves that what the first one made is there and works. The pairs come from keytool.
 */
public class KeyStoreTrip {
    private static final byte[] MESSAGE = "a message of a Java program".getBytes();

    public static void main(String[] args) throws Exception {
        Provider provider = Security.getProvider("SunPKCS11").configure(args[0]);
        Security.addProvider(provider);
        char[] pin = args[1].toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS11", provider);
        store.load(null, pin);
        if (args[2].equals("make")) {
            KeyGenerator generator = KeyGenerator.getInstance("AES", provider);
            generator.init(256);
            store.setEntry("java-aes", new KeyStore.SecretKeyEntry(generator.generateKey()), null);
            store.store(null);
        }
        for (String alias : Collections.list(store.aliases())) {
            System.out.println("alias " + alias);
        }
        signs(provider, store, "java-rsa", "SHA256withRSA");
        signs(provider, store, "java-rsa", "SHA512withRSA");
        signs(provider, store, "java-ec", "SHA256withECDSA");
        signs(provider, store, "java-ec", "SHA384withECDSA");
        decrypts(provider, store);
        seals(provider, (SecretKey) store.getKey("java-aes", null));
        digests(provider);
        System.out.println("all well");
    }

    private static void signs(Provider provider, KeyStore store, String alias, String algorithm) throws Exception {
        PrivateKey key = (PrivateKey) store.getKey(alias, null);
        Certificate certificate = store.getCertificate(alias);
        Signature signer = Signature.getInstance(algorithm, provider);
        signer.initSign(key);
        signer.update(MESSAGE);
        byte[] signature = signer.sign();
        check(verifies(Signature.getInstance(algorithm), certificate, MESSAGE, signature), algorithm + " outside");
        check(verifies(Signature.getInstance(algorithm, provider), certificate, MESSAGE, signature), algorithm);
        byte[] other = MESSAGE.clone();
        other[0] ^= 1;
        check(!verifies(Signature.getInstance(algorithm, provider), certificate, other, signature), algorithm + " no");
        System.out.println("signed " + alias + " " + algorithm);
    }

    private static boolean verifies(Signature verifier, Certificate certificate, byte[] message, byte[] signature)
            throws Exception {
        verifier.initVerify(certificate.getPublicKey());
        verifier.update(message);
        return verifier.verify(signature);
    }

    private static void decrypts(Provider provider, KeyStore store) throws Exception {
        Cipher outside = Cipher.getInstance("RSA/ECB/PKCS1Padding", "SunJCE");
        outside.init(Cipher.ENCRYPT_MODE, store.getCertificate("java-rsa").getPublicKey());
        byte[] sealed = outside.doFinal(MESSAGE);
        Cipher inside = Cipher.getInstance("RSA/ECB/PKCS1Padding", provider);
        inside.init(Cipher.DECRYPT_MODE, store.getKey("java-rsa", null));
        check(Arrays.equals(MESSAGE, inside.doFinal(sealed)), "RSA decrypt");
        System.out.println("decrypted java-rsa");
    }

    private static void seals(Provider provider, SecretKey key) throws Exception {
        SecureRandom random = SecureRandom.getInstance("PKCS11", provider);
        byte[] iv = new byte[16];
        random.nextBytes(iv);
        Cipher cbc = Cipher.getInstance("AES/CBC/PKCS5Padding", provider);
        cbc.init(Cipher.ENCRYPT_MODE, key, new IvParameterSpec(iv));
        byte[] sealed = cbc.doFinal(MESSAGE);
        cbc.init(Cipher.DECRYPT_MODE, key, new IvParameterSpec(iv));
        check(Arrays.equals(MESSAGE, cbc.doFinal(sealed)), "AES-CBC");
        byte[] nonce = Arrays.copyOf(iv, 12);
        Cipher gcm = Cipher.getInstance("AES/GCM/NoPadding", provider);
        gcm.init(Cipher.ENCRYPT_MODE, key, new GCMParameterSpec(128, nonce));
        gcm.updateAAD(iv);
        sealed = gcm.doFinal(MESSAGE);
        gcm.init(Cipher.DECRYPT_MODE, key, new GCMParameterSpec(128, nonce));
        gcm.updateAAD(iv);
        check(Arrays.equals(MESSAGE, gcm.doFinal(sealed)), "AES-GCM");
        System.out.println("sealed java-aes");
    }

    private static void digests(Provider provider) throws Exception {
        byte[] inside = MessageDigest.getInstance("SHA-256", provider).digest(MESSAGE);
        byte[] outside = MessageDigest.getInstance("SHA-256", "SUN").digest(MESSAGE);
        check(Arrays.equals(inside, outside), "SHA-256");
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
