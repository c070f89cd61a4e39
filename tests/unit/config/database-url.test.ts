import { describe, expect, it } from "vitest";
import { readDatabaseUrl } from "../../../app/config/database-url.server";
import { serializedOnce } from "../../../db/connection";

const addressOf = (url: string) => {
  const read = readDatabaseUrl(url);
  if (!read.ok) throw new Error(read.problem);
  return read.address;
};

describe("DATABASE_URL", () => {
  it("may name several hosts, each with a port of its own; the one that takes writes is wanted", () => {
    const { hosts, target } = addressOf(
      "postgres://setpass:p%40ss@h1:5433,[2001:db8::5]:5434,h3,%2Frun%2Fpg/db?sslmode=verify-full",
    );
    expect(target).toBe("read-write");
    expect(hosts.map(({ name, host, port, path }) => [name, host, port, path])).toEqual([
      ["h1:5433", "h1", 5433, undefined],
      ["[2001:db8::5]:5434", "2001:db8::5", 5434, undefined],
      ["h3:5432", "h3", 5432, undefined],
      ["/run/pg/.s.PGSQL.5432", undefined, 5432, "/run/pg/.s.PGSQL.5432"],
    ]);
    expect(hosts[0]?.url).toBe("postgres://setpass:p%40ss@h1:5433/db?sslmode=verify-full");
    expect(hosts[2]?.url).toBe("postgres://setpass:p%40ss@h3/db?sslmode=verify-full");
  });

  it.each([
    ["postgres://h/db", "any"],
    ["postgres://h1,h2/db", "read-write"],
    ["postgres://h1,h2/db?target_session_attrs=any", "any"],
    ["postgres://h1,h2/db?target_session_attrs=primary", "primary"],
    ["postgresql://u:p@h/db?target_session_attrs=read-write", "read-write"],
  ])("%s wants %s", (url, target) => {
    expect(addressOf(url).target).toBe(target);
    for (const host of addressOf(url).hosts) expect(host.url).not.toContain("target_session_attrs");
  });

  it("may leave the host out", () => {
    expect(addressOf("postgres:///setpass").hosts).toMatchObject([{ host: "", port: 5432 }]);
  });

  it.each([
    "",
    "postgres://",
    "mysql://h/db",
    "db.example.org",
    "postgres://h1,/db",
    "postgres://,h1/db",
    "postgres://h1:port,h2/db",
    "postgres://h1,h2:99999/db",
    "postgres://u:secret@h1 h2/db",
  ])("is refused as %j, and told without its content", (url) => {
    const read = readDatabaseUrl(url);
    expect(read).toMatchObject({ ok: false, problem: expect.stringContaining("host1:5432,host2") });
    expect(JSON.stringify(read)).not.toContain("secret");
  });

  it.each([
    "postgres://u:pass@secret/w#rd@127.0.0.1:5432/db",
    "postgres://u:secret/word@127.0.0.1:5432/db",
    "postgres://u:12?secret@127.0.0.1:5432/db",
    "postgres://u:12#secret@127.0.0.1:5432/db",
  ])("is refused where its password would end it, and is told how to write one: %j", (url) => {
    const read = readDatabaseUrl(url);
    expect(read).toMatchObject({ ok: false, problem: expect.stringMatching(/@ as %40.*# as %23/) });
    expect(JSON.stringify(read)).not.toContain("secret");
  });

  it("takes an @ that is in no password", () => {
    const url = "postgres://u:p%40ss@h:5432/db?application_name=a@b";
    expect(readDatabaseUrl(url)).toMatchObject({ ok: true });
  });

  it.each(["read-only", "standby", "prefer-standby", "nonsense"])(
    "is refused with target_session_attrs=%s: setpass writes",
    (target) => {
      const read = readDatabaseUrl(`postgres://h1,h2/db?target_session_attrs=${target}`);
      expect(read).toMatchObject({ ok: false, problem: expect.stringContaining("it writes") });
    },
  );
});

it("a parameter that is serialized twice is what it was after the first time", () => {
  const bytes = serializedOnce[17] as (value: unknown) => string;
  const yesNo = serializedOnce[16] as (value: unknown) => string;
  expect(bytes(Buffer.from("00ff41", "hex"))).toBe("\\x00ff41");
  expect(bytes("\\x00ff41")).toBe("\\x00ff41");
  expect(bytes(new Uint8Array())).toBe("\\x");
  expect([yesNo(true), yesNo(false)]).toEqual(["t", "f"]);
  expect([yesNo("t"), yesNo("f")]).toEqual(["t", "f"]);
});
