import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";

/** Just enough DER (ITU-T X.690) to write one certificate. */
const der = (tag: number, ...contents: Buffer[]): Buffer => {
  const body = Buffer.concat(contents);
  const length =
    body.length < 0x80
      ? Buffer.from([body.length])
      : Buffer.from([0x82, body.length >> 8, body.length & 0xff]);
  return Buffer.concat([Buffer.from([tag]), length, body]);
};
const sequence = (...items: Buffer[]) => der(0x30, ...items);
const set = (...items: Buffer[]) => der(0x31, ...items);
const integer = (bytes: Buffer) => der(0x02, bytes);
const octets = (content: Buffer) => der(0x04, content);
const bits = (content: Buffer) => der(0x03, Buffer.from([0]), content);
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"));
const utcTime = (at: Date) =>
  der(0x17, Buffer.from(`${at.toISOString().replace(/\D/g, "").slice(2, 14)}Z`));

const COMMON_NAME = oid("550403");
const SUBJECT_ALT_NAME = oid("551d11");
const BASIC_CONSTRAINTS = oid("551d13");
const ECDSA_WITH_SHA256 = sequence(oid("2a8648ce3d040302"));
const TRUE = Buffer.from([0x01, 0x01, 0xff]);

const DAY_MS = 86_400_000;

/** IPv6 is only ever `::1` here. */
const addressBytes = (address: string) =>
  isIP(address) === 4
    ? Buffer.from(address.split(".").map(Number))
    : Buffer.concat([Buffer.alloc(15), Buffer.from([1])]);

/**
 * Makes a key and a certificate that is its own authority, for servers of the tests: nothing to
 * install, and no key in the repository.
 *
 * @param options.names host names and addresses it is for; the loopback ones when left out
 * @param options.validUntil in 30 days when left out
 * @returns PEM, both
 */
export function makeSelfSignedCertificate(
  options: { names?: readonly string[]; validUntil?: Date } = {},
): {
  key: string;
  certificate: string;
} {
  const names = options.names ?? ["localhost", "127.0.0.1", "::1"];
  const validUntil = options.validUntil ?? new Date(Date.now() + 30 * DAY_MS);
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(
    set(sequence(COMMON_NAME, der(0x0c, Buffer.from("setpass test certificate")))),
  );
  const altNames = sequence(
    ...names.map((entry) =>
      isIP(entry) ? der(0x87, addressBytes(entry)) : der(0x82, Buffer.from(entry)),
    ),
  );
  const signed = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    // Positive, hence the leading byte.
    integer(Buffer.concat([Buffer.from([0x01]), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    name,
    sequence(utcTime(new Date(validUntil.getTime() - 31 * DAY_MS)), utcTime(validUntil)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(
      0xa3,
      sequence(
        sequence(BASIC_CONSTRAINTS, TRUE, octets(sequence(TRUE))),
        sequence(SUBJECT_ALT_NAME, octets(altNames)),
      ),
    ),
  );
  const certificate = sequence(signed, ECDSA_WITH_SHA256, bits(sign("sha256", signed, privateKey)));
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    certificate: `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`,
  };
}
