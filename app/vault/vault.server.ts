import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
} from "node:crypto";

/** What a sealed value belongs to. It is authenticated, so that a value moved elsewhere won't open. */
export interface SealedFor {
  /** Table and column, such as `links.sealed_password`. */
  readonly column: string;
  /** The row's identity: for links the user id (a PIN's key: and the token), elsewhere the row's key. */
  readonly row: string;
}

export interface Vault {
  /** @returns format byte, key id (8 bytes), nonce (12), ciphertext, tag (16) */
  seal(plaintext: string | Buffer, owner: SealedFor): Buffer;
  /** @throws {VaultError} unknown key id, or changed, moved or cut data */
  open(sealed: Buffer, owner: SealedFor): Buffer;
  /**
   * A hash that nobody can compute without the key: of what people may have typed a secret into.
   *
   * @param purpose fingerprints of two purposes cannot be compared
   * @returns 64 characters of hex, the same until the newest key is another one
   */
  fingerprint(purpose: string, text: string): string;
  /** Key ids, newest first: hex, safe to print. */
  readonly keyIds: readonly string[];
}

/** A sealed value that cannot be opened. The message names the key id, never key or content. */
export class VaultError extends Error {
  override readonly name = "VaultError";
}

const FORMAT = 1;
const KEY_ID_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES;

const derive = (key: Buffer, purpose: string, length: number) =>
  Buffer.from(hkdfSync("sha256", key, "", `setpass ${purpose}`, length));

/** Length-prefixed, so that no two owners share one encoding. */
const additionalData = (header: Buffer, owner: SealedFor) => {
  const parts = [owner.column, owner.row].map((part) => Buffer.from(part, "utf8"));
  const lengths = parts.map((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return length;
  });
  return Buffer.concat([header, ...parts.flatMap((part, i) => [lengths[i] as Buffer, part])]);
};

/**
 * Authenticated encryption of the secrets kept in the database: AES-256-GCM (NIST SP 800-38D) under a
 * key derived by HKDF-SHA-256 (RFC 5869), a random nonce for each value. Keys rotate: the first
 * seals, every one opens what bears its id.
 *
 * @param keys 32 bytes each, newest first, at least one
 */
export function createVault(keys: readonly Buffer[]): Vault {
  const ring = keys.map((key) => ({
    id: derive(key, "key id", KEY_ID_BYTES),
    sealing: derive(key, "sealing", 32),
  }));
  const newest = ring[0];
  const newestKey = keys[0];
  if (!newest || !newestKey) throw new VaultError("no key given");

  const idOf = (sealed: Buffer) => sealed.subarray(1, HEADER_BYTES);

  return {
    keyIds: ring.map((key) => key.id.toString("hex")),
    seal(plaintext, owner) {
      const header = Buffer.concat([Buffer.from([FORMAT]), newest.id]);
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", newest.sealing, nonce);
      cipher.setAAD(additionalData(header, owner));
      // Text is taken as UTF-8.
      const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
      return Buffer.concat([header, nonce, body, cipher.getAuthTag()]);
    },
    open(sealed, owner) {
      if (sealed.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES || sealed[0] !== FORMAT)
        throw new VaultError(`${owner.column} holds no sealed value`);
      const key = ring.find((candidate) => candidate.id.equals(idOf(sealed)));
      if (!key)
        throw new VaultError(
          `${owner.column} is sealed with key ${idOf(sealed).toString("hex")}, which SECRET_KEYS does not hold`,
        );
      const nonce = sealed.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
      const decipher = createDecipheriv("aes-256-gcm", key.sealing, nonce, {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(additionalData(sealed.subarray(0, HEADER_BYTES), owner));
      decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
      try {
        const body = sealed.subarray(HEADER_BYTES + NONCE_BYTES, -TAG_BYTES);
        return Buffer.concat([decipher.update(body), decipher.final()]);
      } catch {
        throw new VaultError(`${owner.column} was changed or moved: its seal does not fit`);
      }
    },
    fingerprint: (purpose, text) =>
      createHmac("sha256", derive(newestKey, `fingerprint of ${purpose}`, 32))
        .update(text, "utf8")
        .digest("hex"),
  };
}

/**
 * @param secret a token of at least 122 random bits: a plain hash is then enough
 * @returns its SHA-256, 32 bytes: what the database may know of it
 */
export function hashToken(secret: string): Buffer {
  return createHash("sha256").update(secret, "utf8").digest();
}
