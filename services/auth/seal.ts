import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** Hides bytes from whoever has not the key, and notices when they were changed or moved. */
export interface Seal {
  /** @param name what the bytes belong to; they open under the same name only. */
  close(bytes: Buffer, name: string): Buffer;
  /** @throws Error when they were closed under another key or name, or changed since. */
  open(sealed: Buffer, name: string): Buffer;
}

const algorithm = "aes-256-gcm";
const nonceLength = 12;
const tagLength = 16;

/**
 * AES-256-GCM: nonce, ciphertext, tag.
 *
 * @param hexKey 32 bytes as hex digits.
 */
export function createSeal(hexKey: string): Seal {
  if (!/^[0-9a-f]{64}$/i.test(hexKey.trim())) throw new Error("the sealing key must be 64 hex digits");
  const key = Buffer.from(hexKey.trim(), "hex");
  return {
    close(bytes, name) {
      const nonce = randomBytes(nonceLength);
      const cipher = createCipheriv(algorithm, key, nonce).setAAD(Buffer.from(name));
      return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, name) {
      const nonce = sealed.subarray(0, nonceLength);
      const tag = sealed.subarray(-tagLength);
      const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagLength });
      decipher.setAAD(Buffer.from(name)).setAuthTag(tag);
      return Buffer.concat([decipher.update(sealed.subarray(nonceLength, -tagLength)), decipher.final()]);
    },
  };
}
