import { describe, expect, it } from "vitest";
import {
  type IssueOffer,
  isStillSo,
  offerFor,
  readIssueForm,
  usualChoices,
} from "../../../app/console/issue-choices";
import type { LinkSummary } from "../../../app/links/list-links.server";
import { wordsIn } from "../../../app/messages/catalogs.server";
import type { ResetRequestSummary } from "../../../app/reset-requests/handle-requests.server";

const words = wordsIn("en");

const fresh: IssueOffer = {
  ...{
    pinLength: 4,
    keepPin: false,
    keepPassword: false,
    passwordReplaced: false,
    requestPin: false,
  },
  ...{ languages: ["en", "de"], usualLanguage: "en" },
};
const renewal: IssueOffer = { ...fresh, keepPin: true, keepPassword: true };
const usual = (about: Partial<Parameters<typeof usualChoices>[0]>) =>
  usualChoices({
    ...{ offer: fresh, email: null, problem: null, ownAccount: false },
    standing: "ordinary",
    ...about,
  });

describe("the password chosen before anybody chose", () => {
  it("is a random one for a first link, and the link's own where it is renewed", () => {
    expect(usual({}).password).toBe("random");
    expect(usual({ offer: renewal }).password).toBe("keep");
  });

  it("is a random one where the link's own was tried and is no longer good", () => {
    expect(usual({ offer: renewal, problem: "initial-password-stale" }).password).toBe("random");
  });

  it.each(["account-disabled", "account-locked", "password-locked", "read-only-account"] as const)(
    "stays the link's own where another would not help: %s",
    (problem) => {
      expect(usual({ offer: renewal, problem }).password).toBe("keep");
    },
  );

  it.each(["privileged", "unknown"] as const)(
    "is never a random one for an account that others may depend on: %s",
    (standing) => {
      for (const problem of [null, "initial-password-stale"] as const) {
        expect(usual({ problem, standing }).password).toBe("typed");
        expect(usual({ offer: renewal, problem, standing }).password).not.toBe("random");
      }
      expect(usual({ offer: renewal, standing }).password).toBe("keep");
    },
  );

  it("is never a random one for the administrator's own account", () => {
    for (const offer of [fresh, renewal])
      for (const problem of [null, "initial-password-stale"] as const)
        expect(usual({ offer, problem, ownAccount: true }).password).not.toBe("random");
  });
});

describe("why a link set no password", () => {
  const user = { enabled: true, passwordLocked: false };

  it("is over once Keystone says otherwise", () => {
    expect(isStillSo("account-disabled", user)).toBe(false);
    expect(isStillSo("account-disabled", { ...user, enabled: false })).toBe(true);
    expect(isStillSo("password-locked", user)).toBe(false);
    expect(isStillSo("password-locked", { ...user, passwordLocked: true })).toBe(true);
  });

  it("holds where Keystone's word on the account says nothing about it", () => {
    for (const problem of [
      "initial-password-stale",
      "account-locked",
      "read-only-account",
    ] as const)
      expect(isStillSo(problem, user)).toBe(true);
  });
});

describe("the form", () => {
  it("sets no random password that nobody chose", () => {
    const { choices, errors } = readIssueForm(words, new URLSearchParams({ pin: "1234" }), fresh);
    expect(choices.password).toBe("typed");
    expect(errors?.initial_password).toMatch(/Enter the password/);
  });

  const read = (pin: string, offer = fresh) =>
    readIssueForm(words, new URLSearchParams({ pin, password: "random" }), offer);

  it.each(["987654", "987", "98765", "98a4", "9876 5", ""])(
    "takes no PIN but one of as many digits as it asks for, and cuts none: %j",
    (pin) => {
      expect(read(pin).errors).toEqual({
        pin: "Enter the PIN the user gave: exactly 4 digits.",
      });
    },
  );

  it("takes a PIN with a blank around it, as it comes from elsewhere", () => {
    expect(read(" 9876\n")).toMatchObject({ pin: "9876", errors: undefined });
  });

  it("keeps the link's PIN where none is typed, and refuses a wrong one all the same", () => {
    expect(read("", renewal)).toMatchObject({ choices: { pin: "keep" }, errors: undefined });
    expect(read("98765", renewal).errors?.pin).toMatch(/exactly 4 digits/);
  });
});

describe("the language chosen before anybody chose", () => {
  const config = {
    languages: ["en", "de"],
    defaultLanguage: "en",
    links: { pinLength: 4 },
  } as const;
  const linkIn = (language: string | null) => ({ language }) as LinkSummary;
  const requestIn = (language: string | null) => ({ language }) as ResetRequestSummary;
  const chosen = (link?: LinkSummary, request?: ResetRequestSummary) =>
    usual({ offer: offerFor(link, request, config) }).language;

  it("is DEFAULT_LANGUAGE where none is known, or one that is not offered any more", () => {
    expect(chosen()).toBe("en");
    expect(chosen(linkIn(null), requestIn(null))).toBe("en");
    expect(chosen(linkIn("ar-XB"))).toBe("en");
  });

  it("is the one of the link there is, and of the request above all", () => {
    expect(chosen(linkIn("de"))).toBe("de");
    expect(chosen(linkIn("en"), requestIn("de"))).toBe("de");
    expect(chosen(linkIn("de"), requestIn(null))).toBe("de");
  });

  it("is what the form says, where that is offered", () => {
    const read = (language: string) =>
      readIssueForm(words, new URLSearchParams({ language }), { ...fresh, usualLanguage: "de" })
        .choices;
    expect(read("en").language).toBe("en");
    for (const other of ["tlh", "en-XA", ""]) expect(read(other).language, other).toBe("de");
  });
});
