import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { codeOfRequest, parseRequestCode } from "../../../app/reset-requests/request-code";

const withFirst = (eight: string) => `${eight}-1111-4222-8333-444444444444`;

describe("a request's code", () => {
  it("is five characters that are not taken for one another, made of the id's first 25 bits", () => {
    expect(codeOfRequest(withFirst("00000000"))).toBe("00-000");
    expect(codeOfRequest(withFirst("ffffffff"))).toBe("ZZ-ZZZ");
    expect(codeOfRequest(withFirst("00000080"))).toBe("00-001");
    expect(codeOfRequest(withFirst("0000007f"))).toBe("00-000");
    for (let count = 0; count < 500; count++)
      expect(codeOfRequest(randomUUID())).toMatch(/^[0-9A-HJKMNP-TV-Z]{2}-[0-9A-HJKMNP-TV-Z]{3}$/);
  });

  it("is another for each of many requests", () => {
    const codes = Array.from({ length: 1000 }, () => codeOfRequest(randomUUID()));
    expect(new Set(codes).size).toBeGreaterThan(995);
  });

  it("leads back to its ids, however it is typed", () => {
    for (let count = 0; count < 200; count++) {
      const id = randomUUID();
      const code = codeOfRequest(id);
      const spellings = [
        code,
        code.toLowerCase(),
        code.replace("-", ""),
        ` ${code.replace("-", " – ")} `,
        code.replaceAll("0", "O").replaceAll("1", "l"),
      ];
      for (const spelling of spellings) {
        const range = parseRequestCode(spelling);
        expect(range && range.lowestId <= id && id <= range.highestId, spelling).toBe(true);
      }
    }
    expect(parseRequestCode("K7-QF2")).toEqual(parseRequestCode("k7qf2"));
    expect(parseRequestCode("00-001")).toEqual({
      lowestId: "00000080-0000-0000-0000-000000000000",
      highestId: "000000ff-ffff-ffff-ffff-ffffffffffff",
    });
  });

  it.each(["", "K7QF", "K7-QF22", "K7-QFU", "K7-QF*", "ä7-QF2", "𝟘7-QF2"])("is not %j", (text) => {
    expect(parseRequestCode(text)).toBeUndefined();
  });
});
