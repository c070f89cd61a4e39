import { describe, expect, it } from "vitest";
import { oneLine, utcTime } from "../../../emails/mail-content";

describe("oneLine", () => {
  it("leaves an ordinary name as it is", () => {
    expect(oneLine("Zoë O’Brien-Ångström")).toBe("Zoë O’Brien-Ångström");
  });

  it("turns line breaks and control characters into one space", () => {
    expect(oneLine("a\r\nb\u0000c\u2028d\u0085e\tf")).toBe("a b c d e f");
  });

  it("takes out the characters that turn the reading direction", () => {
    expect(oneLine("invoice\u202Egpj.exe")).toBe("invoice gpj.exe");
  });

  it("keeps the joiner that Persian names are written with", () => {
    expect(oneLine("می\u200cخواهم")).toBe("می\u200cخواهم");
  });

  it("cuts what is too long without splitting a character", () => {
    const cut = oneLine("😀".repeat(300));
    expect([...cut]).toHaveLength(200);
    expect(cut.endsWith("😀…")).toBe(true);
  });
});

describe("utcTime", () => {
  it("names the day, the time and the zone", () => {
    expect(utcTime("2031-01-09T00:03:59.999Z")).toBe("Thursday 9 January 2031 at 00:03 UTC");
  });

  it("shows an instant of another zone in UTC", () => {
    expect(utcTime("2031-01-09T00:03:00+02:00")).toBe("Wednesday 8 January 2031 at 22:03 UTC");
  });
});
