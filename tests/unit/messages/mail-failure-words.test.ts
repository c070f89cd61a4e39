import { expect, it } from "vitest";
import { wordsIn } from "../../../app/messages/catalogs.server";
import { mailFailureWords } from "../../../app/messages/mail-failure-words";

it("a mail that did not go out says why in the reader's language", () => {
  expect(mailFailureWords(wordsIn("en"), "link-expired")).toBe(
    "The link expired before the email could be delivered.",
  );
  expect(mailFailureWords(wordsIn("de"), "timeout")).toBe(
    "Der Mailserver hat nicht rechtzeitig geantwortet.",
  );
});

it("what a mail server or an earlier release said is quoted as it is", () => {
  for (const kept of ["550 5.1.1 <link-expired> timeout", "The mail could not be written."])
    expect(mailFailureWords(wordsIn("en"), kept)).toBe(`“${kept}”`);
  expect(mailFailureWords(wordsIn("en"), "constructor")).toBe("“constructor”");
});
