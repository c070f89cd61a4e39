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
  it("names the day, the time and the zone, as the reader's language writes them", () => {
    const instant = "2031-01-09T00:03:59.999Z";
    // Editions of Unicode's tables differ in the comma.
    expect(utcTime(instant, "en")).toMatch(/^Thursday,? 9 January 2031 at 00:03 UTC$/);
    expect(utcTime(instant, "de")).toBe("Donnerstag, 9. Januar 2031 um 00:03 UTC");
  });

  it("shows an instant of another zone in UTC", () => {
    expect(utcTime("2031-01-09T00:03:00+02:00", "de")).toBe(
      "Mittwoch, 8. Januar 2031 um 22:03 UTC",
    );
  });
});
