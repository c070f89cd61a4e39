import { describe, expect, it } from "vitest";
import { readLine } from "../../../app/components/form-text";

const read = (name: string) => readLine(new URLSearchParams({ name }), "name");

describe("a line of a form", () => {
  it("turns the direction of nothing that stands behind it", () => {
    expect(read("jane \u202e7K\u2066\u200f")).toBe("jane  7K");
  });

  it("keeps the letters of every language, and what joins them", () => {
    expect(read("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645")).toBe(
      "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    );
  });
});
