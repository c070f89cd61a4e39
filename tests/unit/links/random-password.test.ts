import { describe, expect, it } from "vitest";
import { createRandomPassword } from "../../../app/accounts/set-random-password.server";

/** What a policy may ask for. */
const CLASSES = [/[a-z]/g, /[A-Z]/g, /[0-9]/g, /[^a-zA-Z0-9]/g];

describe("a random password", () => {
  const passwords = Array.from({ length: 400 }, createRandomPassword);

  it("has 40 characters, at least four of each class, and none that looks like another", () => {
    for (const password of passwords) {
      expect(password).toMatch(/^[a-zA-Z0-9!#%+_=@-]{40}$/);
      expect(password).not.toMatch(/[lIO01]/);
      for (const one of CLASSES) expect(password.match(one)?.length).toBeGreaterThanOrEqual(4);
    }
  });

  it("is another one each time, of every class at every place, the rest as it comes", () => {
    expect(new Set(passwords).size).toBe(400);
    // Not seen in four hundred, once in more than ten to the twentieth.
    for (let at = 0; at < 40; at++) {
      const seen = passwords.map((password) => password.charAt(at)).join("");
      for (const one of CLASSES) expect([at, seen.match(one) !== null]).toEqual([at, true]);
    }
    // Letters are most of what there is to choose from: the extra ones are of all classes.
    for (const one of CLASSES)
      expect(passwords.some((password) => (password.match(one)?.length ?? 0) > 4)).toBe(true);
  });
});
