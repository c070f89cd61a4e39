import { describe, expect, it } from "vitest";
import { wordsForError } from "../../../app/components/error-page";
import { wordsIn } from "../../../app/messages/catalogs.server";

/** As Remix hands on what a loader or an action threw. */
const thrown = (status: number, data: unknown) => ({
  status,
  statusText: "",
  internal: false,
  data,
});

const words = wordsIn("en");

describe("an error page", () => {
  it("has words for what was thrown by its code, in the reader's language", () => {
    const databaseAway = thrown(503, "database-away");
    expect(wordsForError(words, databaseAway)).toEqual({
      status: 503,
      heading: "Temporarily unavailable",
      advice:
        "The database is not responding. Try again in a moment; sending the form twice does no harm.",
    });
    expect(wordsForError(wordsIn("de"), databaseAway).advice).toContain("Die Datenbank");
  });

  it("says nothing that was thrown in words", () => {
    const { advice } = wordsForError(words, thrown(404, "This link is no longer in the list."));
    expect(advice).toEqual(wordsForError(words, thrown(404, null)).advice);
  });

  it.each([
    ["an error of ours", new TypeError("secrets.map is not a function")],
    ["a 500 with words of its own", thrown(500, "secrets.map is not a function")],
    ["a status nobody thought of", thrown(418, "TypeError: secrets.map is not a function")],
    ["a code that there is not", thrown(503, "secrets-away")],
  ])("never shows what was not written for people: %s", (_, error) => {
    for (const failed of [undefined, "portal"] as const) {
      const { heading, advice } = wordsForError(words, error, failed);
      expect(heading).toMatch(/^(Something went wrong|Temporarily unavailable)$/);
      expect(advice).not.toContain("secrets");
    }
  });

  it.each([400, 403, 500, 503])(
    "leads back to the mail where it stands for the portal, whose address has lost the token: %i",
    (status) => {
      const { advice } = wordsForError(words, thrown(status, "cut-short"), "portal");
      expect(advice).toMatch(/open the link in your email again/i);
      expect(advice).not.toMatch(/try again/i);
    },
  );

  it("says of a form that is too large the same in the portal", () => {
    const tooLarge = thrown(413, null);
    expect(wordsForError(words, tooLarge, "portal")).toEqual(wordsForError(words, tooLarge));
    expect(wordsForError(words, tooLarge).advice).toContain("64 KiB");
  });
});
