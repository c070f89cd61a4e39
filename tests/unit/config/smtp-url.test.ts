import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSmtpUrl, type SmtpServer } from "../../../app/config/smtp-url.server";
import { makeSelfSignedCertificate } from "../../support/self-signed-certificate";

const server = (url: string): SmtpServer => {
  const read = readSmtpUrl(url);
  if (!read.ok) throw new Error(read.problem);
  return read.server;
};
const problem = (url: string): string => {
  const read = readSmtpUrl(url);
  return read.ok ? "no problem" : read.problem;
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "setpass-smtp-url-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a password", () => {
  it("is only ever sent encrypted to another machine", () => {
    expect(server("smtp://user:secret@mail.example.org:587").tls).toBe("required");
    expect(server("smtps://user:secret@mail.example.org").tls).toBe("implicit");
  });

  it("is not sent unencrypted even where the operator asks for that", () => {
    for (const option of ["ignoreTLS=true", "requireTLS=false"])
      expect(problem(`smtp://user:secret@mail.example.org?${option}`)).toMatch(
        /would send the password unencrypted/,
      );
  });

  it("may go unencrypted to this machine, and to no name that only looks like it", () => {
    expect(server("smtp://user:secret@127.0.0.1:25").tls).toBe("offered");
    expect(server("smtp://user:secret@[::1]:25").tls).toBe("offered");
    expect(server("smtp://user:secret@localhost:25").tls).toBe("offered");
    expect(server("smtp://user:secret@127.0.0.1.example.org").tls).toBe("required");
  });

  it("is read with its escapes undone", () => {
    expect(server("smtp://jo%40example.org:p%40ss%2F%3A%25@mail.example.org").credentials).toEqual({
      user: "jo@example.org",
      password: "p@ss/:%",
    });
  });

  it("is in no problem", () => {
    for (const url of [
      "smtp://user:hunter2@mail.example.org?ignoreTLS=true",
      "smtp://user:hunter2%@mail.example.org",
      "smtp://:hunter2@mail.example.org",
      "smtp://user:hunter2@mail.example.org?nonsense=1",
      "smtp://user:hunter2@mail.example.org?requireTLS=maybe",
      "http://user:hunter2@mail.example.org",
      "smtp://user:pass/hunter2@mail.example.org",
      "smtp://user:1#hunter2@mail.example.org",
    ]) {
      expect(problem(url)).not.toBe("no problem");
      expect(problem(url)).not.toContain("hunter2");
    }
  });
});

describe("the connection", () => {
  it("uses STARTTLS where it is offered when there is no password", () => {
    expect(server("smtp://relay.example.org").tls).toBe("offered");
    expect(server("smtp://relay.example.org?requireTLS=true").tls).toBe("required");
    expect(server("smtp://relay.example.org?ignoreTLS=true").tls).toBe("never");
  });

  it("goes to the usual ports", () => {
    expect(server("smtp://relay.example.org").port).toBe(587);
    expect(server("smtps://relay.example.org").port).toBe(465);
    expect(server("smtp://relay.example.org:25").port).toBe(25);
  });

  it("refuses options that contradict each other", () => {
    expect(problem("smtps://relay.example.org?ignoreTLS=true")).toMatch(/ignoreTLS with smtps/);
    expect(problem("smtp://relay.example.org?ignoreTLS=true&requireTLS=true")).toMatch(/both/);
  });

  it("lets no other option of Nodemailer through", () => {
    for (const option of ["debug=true", "logger=true", "secure=false", "pool=false", "host=evil"])
      expect(problem(`smtp://relay.example.org?${option}`)).toMatch(/unknown option/);
  });
});

describe("the certificate", () => {
  it("is checked unless the operator says otherwise", () => {
    const checked = server("smtp://relay.example.org");
    expect(checked.certificate.verify).toBe(true);
    const unchecked = server("smtp://relay.example.org?tls.rejectUnauthorized=false");
    expect(unchecked.certificate.verify).toBe(false);
  });

  it("can be vouched for by an authority of one's own", () => {
    const path = join(folder, "ca.pem");
    const { certificate } = makeSelfSignedCertificate();
    writeFileSync(path, certificate);
    expect(server(`smtp://relay.example.org?tls.ca=${path}`).certificate.ca).toBe(certificate);
  });

  it("needs a file that is there and holds one", () => {
    const empty = join(folder, "empty.pem");
    writeFileSync(empty, "nothing");
    expect(problem(`smtp://relay.example.org?tls.ca=${empty}`)).toMatch(/no PEM certificate/);
    expect(problem(`smtp://relay.example.org?tls.ca=${folder}/none.pem`)).toMatch(/ENOENT/);
  });
});
