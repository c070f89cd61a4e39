import { describe, expect, it } from "vitest";
import { wordsForError } from "../../../app/components/error-page";

/** As Remix hands on what a loader or an action threw. */
const thrown = (status: number, data: unknown) => ({
  status,
  statusText: "",
  internal: false,
  data,
});

const databaseAway = thrown(503, "The database does not answer just now. Try again in a moment.");

describe("an error page", () => {
  it("says what was thrown for people to read", () => {
    const { status, words } = wordsForError(databaseAway);
    expect(status).toBe(503);
    expect(words).toEqual({ heading: "Not available right now", advice: databaseAway.data });
  });

  it.each([
    ["an error of ours", new TypeError("secrets.map is not a function")],
    ["a 500 with words of its own", thrown(500, "secrets.map is not a function")],
    ["a status nobody thought of", thrown(418, "TypeError: secrets.map is not a function")],
  ])("never shows what was not written for people: %s", (_, error) => {
    for (const failed of [undefined, "portal"] as const) {
      const { words } = wordsForError(error, failed);
      expect(words.heading).toBe("Something went wrong here");
      expect(words.advice).not.toContain("secrets");
    }
  });

  it.each([400, 403, 500, 503])(
    "leads back to the mail where it stands for the portal, whose address has lost the token: %i",
    (status) => {
      const { words } = wordsForError(thrown(status, "Try again in a moment."), "portal");
      expect(words.advice).toMatch(/open the link in your mail again/i);
      expect(words.advice).not.toMatch(/try again/i);
    },
  );

  it("keeps the sentence that was thrown where the portal has none", () => {
    const tooLarge = thrown(413, "This form is larger than 64 KiB. Send less.");
    expect(wordsForError(tooLarge, "portal").words.advice).toBe(tooLarge.data);
  });
});
