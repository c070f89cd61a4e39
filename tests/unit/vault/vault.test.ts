import { createHmac, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createVault, hashToken, VaultError } from "../../../app/vault/vault.server";

const owner = { column: "links.sealed_password", row: "user-1" };
const keys = [randomBytes(32), randomBytes(32), randomBytes(32)] as const;
const [newest, older, oldest] = keys;
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const owners = fc.record({ column: fc.string({ unit: "binary" }), row: fc.string() });

/** What opening ends in, as a value. */
function openingFails(open: () => Buffer): VaultError {
  try {
    open();
  } catch (error) {
    if (error instanceof VaultError) return error;
    throw error;
  }
  throw new Error("it opened");
}

describe("a fingerprint", () => {
  const vault = createVault([newest, older]);

  it("is the same for the same text, and 64 characters of hex whatever its length", () => {
    for (const text of ["", "admin", "x".repeat(10_000)]) {
      expect(vault.fingerprint("limit", text)).toMatch(/^[0-9a-f]{64}$/);
      expect(createVault([newest]).fingerprint("limit", text)).toBe(
        vault.fingerprint("limit", text),
      );
    }
  });

  it("is another one for another text, another purpose, and another newest key", () => {
    const one = vault.fingerprint("limit", "admin");
    expect(vault.fingerprint("limit", "admiN")).not.toBe(one);
    expect(vault.fingerprint("account", "admin")).not.toBe(one);
    expect(createVault([older, newest]).fingerprint("limit", "admin")).not.toBe(one);
  });

  it("cannot be made without the key: it is no plain hash of the text", () => {
    const one = vault.fingerprint("limit", "admin");
    expect(hashToken("admin").toString("hex")).not.toBe(one);
    const plain = createHmac("sha256", newest).update("admin").digest("hex");
    expect(plain).not.toBe(one);
  });
});

describe("a vault", () => {
  const vault = createVault([newest]);

  it("opens what it sealed, whatever it is and whomever it is for", () => {
    fc.assert(
      fc.property(bytes, owners, (content, anybody) => {
        expect(vault.open(vault.seal(content, anybody), anybody)).toEqual(content);
      }),
    );
  });

  it("seals text as UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(vault.open(vault.seal(text, owner), owner).toString("utf8")).toBe(text);
      }),
    );
  });

  it("never seals the same way twice, so that equal secrets do not look equal", () => {
    const seals = Array.from({ length: 200 }, () => vault.seal("0000", owner).toString("hex"));
    expect(new Set(seals).size).toBe(200);
  });

  it("does not show the content: the seal of a long one holds no run of it", () => {
    const content = Buffer.from("correct horse battery staple");
    const sealed = vault.seal(content, owner);
    for (let at = 0; at + 4 <= content.length; at++)
      expect(sealed.includes(content.subarray(at, at + 4))).toBe(false);
  });

  it("opens nothing that was sealed for another row or another column", () => {
    fc.assert(
      fc.property(bytes, owners, owners, (content, one, other) => {
        fc.pre(one.column !== other.column || one.row !== other.row);
        openingFails(() => vault.open(vault.seal(content, one), other));
      }),
    );
  });

  it("opens nothing that was moved to another column of its row, or another row of its column", () => {
    const sealed = vault.seal("secret", { column: "links.sealed_password", row: "user-1" });
    openingFails(() => vault.open(sealed, { column: "links.sealed_attempts", row: "user-1" }));
    openingFails(() => vault.open(sealed, { column: "links.sealed_password", row: "user-2" }));
  });

  it("takes no owner for another whose names run together in the same way", () => {
    const sealed = vault.seal("secret", { column: "ab", row: "c" });
    openingFails(() => vault.open(sealed, { column: "a", row: "bc" }));
    openingFails(() => vault.open(sealed, { column: "abc", row: "" }));
  });

  it("opens nothing in which a single bit was changed, anywhere", () => {
    const sealed = vault.seal("four", owner);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      openingFails(() => vault.open(changed, owner));
    }
  });

  it("opens nothing that was cut, made longer, or was never sealed", () => {
    const sealed = vault.seal("four", owner);
    for (let length = 0; length < sealed.length; length++)
      openingFails(() => vault.open(sealed.subarray(0, length), owner));
    openingFails(() => vault.open(Buffer.concat([sealed, Buffer.alloc(1)]), owner));
    fc.assert(
      fc.property(bytes, (anything) => {
        openingFails(() => vault.open(anything, owner));
      }),
    );
  });

  it("tells what was never sealed, by its length or its first byte, from what a missing key sealed", () => {
    const sealed = vault.seal("four", owner);
    const ofAnotherFormat = Buffer.concat([Buffer.from([2]), sealed.subarray(1)]);
    const tooShort = vault.seal("", owner).subarray(0, -1);
    for (const noSeal of [ofAnotherFormat, tooShort, Buffer.alloc(0)])
      expect(openingFails(() => vault.open(noSeal, owner)).message).toBe(
        "links.sealed_password holds no sealed value",
      );
  });

  it("cannot do without a key", () => {
    expect(() => createVault([])).toThrow(VaultError);
  });
});

describe("what is in the databases of existing installations", () => {
  const vault = createVault([Buffer.from(Array.from({ length: 32 }, (_, index) => index))]);

  it("opens: format byte, key id, nonce, content and tag are where they were", () => {
    const sealed =
      "01e2c64e6d35a21bd472695cba3bd9550cf60f178e759864eb2d6812d3bf38cf3384068c355ef078919e57cee3e4beb5e9c4";
    expect(vault.open(Buffer.from(sealed, "hex"), owner).toString()).toBe("correct horse");
    const ofNothing = "01e2c64e6d35a21bd4b5e96239249c0298a1f223547eaacbb4b897393a05e3da30d1ddef44";
    const mail = { column: "mails.sealed_props", row: "7" };
    expect(vault.open(Buffer.from(ofNothing, "hex"), mail)).toEqual(Buffer.alloc(0));
  });

  it("is still sealed under the same key id, and counted under the same fingerprint", () => {
    expect(vault.keyIds).toEqual(["e2c64e6d35a21bd4"]);
    expect(vault.fingerprint("limit", "admin")).toBe(
      "1f47fa005797d3832f83702889a8586892f9d9f05fb8b55a0dfc734364fdb3f2",
    );
  });

  it("is written in the same form: what is sealed now is as long, and begins alike", () => {
    const sealed = vault.seal("correct horse", owner);
    expect(sealed.subarray(0, 9).toString("hex")).toBe("01e2c64e6d35a21bd4");
    expect(sealed).toHaveLength(50);
  });
});

describe("rotation", () => {
  it("opens under a new first key what any of the older ones sealed", () => {
    fc.assert(
      fc.property(bytes, fc.constantFrom(...keys), (content, key) => {
        const sealed = createVault([key]).seal(content, owner);
        expect(createVault(keys).open(sealed, owner)).toEqual(content);
      }),
    );
  });

  it("seals with the first key alone", () => {
    const sealed = createVault(keys).seal("secret", owner);
    expect(createVault([newest]).open(sealed, owner).toString()).toBe("secret");
    openingFails(() => createVault([older, oldest]).open(sealed, owner));
  });

  it("names the key that is missing, by an id that is the same in every process", () => {
    const sealed = createVault([older]).seal("secret", owner);
    const [id] = createVault([Buffer.from(older)]).keyIds;
    const { message } = openingFails(() => createVault([newest]).open(sealed, owner));
    expect(message).toContain(id);
    expect(createVault(keys).keyIds).toContain(id);
  });
});

describe("a vault's errors", () => {
  it("hold neither key nor content, in hex, base64 or as they are", () => {
    const content = "correct horse battery staple";
    const vault = createVault([newest]);
    const sealed = vault.seal(content, owner);
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(sealed.length - 1) ^ 1, sealed.length - 1);
    const errors = [
      openingFails(() => vault.open(changed, owner)),
      openingFails(() => vault.open(sealed, { ...owner, row: "user-2" })),
      openingFails(() => createVault([older]).open(sealed, owner)),
      openingFails(() => vault.open(Buffer.from(content), owner)),
    ];
    for (const error of errors) {
      expect(error.cause).toBeUndefined();
      const told = `${error.message}${error.stack}`;
      for (const secret of [newest, older, Buffer.from(content)])
        for (const encoding of ["hex", "base64", "base64url", "utf8"] as const)
          expect(told).not.toContain(secret.toString(encoding));
    }
  });
});

describe("the hash of a token", () => {
  it("is SHA-256, as PostgreSQL, Python and sha256sum have it", () => {
    expect(hashToken("abc").toString("hex")).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
});
