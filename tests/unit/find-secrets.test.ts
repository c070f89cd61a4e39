import { describe, expect, it } from "vitest";
import { findSecrets } from "../support/find-secrets";

/** The scan for secrets proves something only as long as it finds one that is there. */
const password = 'Grüße & "quotes"/+=% 1';
const token = "0ac85bdd-f4fa-40a1-87cc-114165141b14";
const pin = "4719";
const around = (text: string) => `2026-11-22 01:07:10.471900+00\tx ${text}\ty\n`;

const encodings: [string, (value: string) => string][] = [
  ["plain text", (value) => value],
  ["hex", (value) => Buffer.from(value).toString("hex")],
  ["hex in capitals", (value) => Buffer.from(value).toString("hex").toUpperCase()],
  ["hex that begins at an odd digit", (value) => `a${Buffer.from(value).toString("hex")}`],
  ["base64", (value) => Buffer.from(value).toString("base64")],
  ["base64url", (value) => Buffer.from(value).toString("base64url")],
  ["base64 at offset 1", (value) => Buffer.from(`a ${value} b`).toString("base64")],
  ["base64 at offset 2", (value) => Buffer.from(`aa ${value} b`).toString("base64")],
  ["URL-encoding", (value) => encodeURIComponent(value)],
  ["a form", (value) => new URLSearchParams({ x: value }).toString()],
  ["JSON", (value) => JSON.stringify({ x: value })],
  [
    "JSON in ASCII",
    (value) =>
      JSON.stringify(value).replace(/[^ -~]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`),
  ],
  [
    "HTML",
    (value) => value.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("ü", "&#252;"),
  ],
  ["UTF-16", (value) => Buffer.from(value, "utf16le").toString("latin1")],
  [
    "base64 in JSON in hex",
    (value) => Buffer.from(JSON.stringify(Buffer.from(value).toString("base64"))).toString("hex"),
  ],
];

describe("a secret is found", () => {
  it.each(encodings)("as a link token in %s", (_name, encode) => {
    const found = findSecrets(
      [{ name: "log", content: around(encode(token)) }],
      [{ kind: "link token", value: token }],
    );
    expect(found).toContainEqual(expect.objectContaining({ kind: "link token", where: "log" }));
  });

  // UTF-16 of letters beyond ASCII is more than bytes with zeros between them.
  it.each(encodings.filter(([name]) => name !== "UTF-16"))(
    "as a password with odd signs in %s",
    (_name, encode) => {
      const found = findSecrets(
        [{ name: "dump", content: around(encode(password)) }],
        [{ kind: "password", value: password }],
      );
      expect(found).not.toEqual([]);
    },
  );

  it.each(encodings.filter(([name]) => !name.startsWith("hex that")))(
    "as a PIN in %s",
    (_name, encode) => {
      const content = around(encode(pin));
      expect(findSecrets([{ name: "log", content }], [{ kind: "PIN", value: pin }])).not.toEqual(
        [],
      );
    },
  );

  it.each([
    `pin=${pin}&password=x`,
    `{"pin":"${pin}"}`,
    `{"pin":${pin}}`,
    `the PIN ${pin} is wrong`,
    `a\t${pin}\tb`,
    `/?pin=${pin}`,
  ])("as a PIN in %s", (content) => {
    expect(findSecrets([{ name: "log", content }], [{ kind: "PIN", value: pin }])).not.toEqual([]);
  });

  it("in bytes", () => {
    const content = Buffer.concat([Buffer.from([0, 255, 1]), Buffer.from(password), Buffer.of(0)]);
    expect(
      findSecrets([{ name: "file", content }], [{ kind: "password", value: password }]),
    ).toContainEqual({ kind: "password", where: "file", encoding: "" });
  });
});

describe("nothing is found", () => {
  it.each([
    ["a time", `2026-11-22T01:07:10.${pin}Z`],
    ["a request id", `req-27a1efa5-${pin}-4448-a75b-a9a2fbb512ae`],
    ["how long it took", `{"durationMs":${pin}}`],
    ["a longer number", `1${pin}`],
    ["a hash", Buffer.from(`x${pin}y`).toString("latin1")],
  ])("where a PIN's digits are part of %s", (_what, content) => {
    expect(findSecrets([{ name: "log", content }], [{ kind: "PIN", value: pin }])).toEqual([]);
  });

  it("for an empty secret, and among numbers for a PIN", () => {
    expect(findSecrets([{ name: "log", content: "x" }], [{ kind: "?", value: "" }])).toEqual([]);
    const metrics = { name: "metrics", content: `requests_total ${pin}`, isNumbers: true };
    expect(findSecrets([metrics], [{ kind: "PIN", value: pin }])).toEqual([]);
  });

  it("and a report never holds what was found", () => {
    const found = findSecrets(
      [{ name: "log", content: token }],
      [{ kind: "link token", value: token }],
    );
    expect(JSON.stringify(found)).not.toContain(token);
  });
});
