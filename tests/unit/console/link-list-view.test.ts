import { describe, expect, it } from "vitest";
import { linkListHref, readLinkListView, withStatus } from "../../../app/console/link-list-view";

const viewOf = (query: string) => readLinkListView(new URLSearchParams(query));

describe("the view of the list of links", () => {
  it("has the newest first, and of those that are open the oldest", () => {
    expect(viewOf("")).toMatchObject({ status: "all", sort: "newest" });
    expect(viewOf("status=expired")).toMatchObject({ sort: "newest" });
    expect(viewOf("status=open")).toMatchObject({ status: "open", sort: "oldest" });
    expect(viewOf("status=open&sort=newest")).toMatchObject({ sort: "newest" });
  });

  it.each(["", "status=open", "status=open&sort=newest", "sort=oldest", "status=locked&q=jane"])(
    "is the same again from its own address: ?%s",
    (query) => {
      const href = linkListHref(viewOf(query));
      expect(href).toBe(query === "" ? "/admin" : `/admin?${query}`);
      expect(viewOf(new URL(href, "https://x").search)).toEqual(viewOf(query));
    },
  );

  it("goes to another status in the order that was chosen, else in that status's own", () => {
    const to = (query: string, status: "open" | "all") =>
      linkListHref(withStatus(viewOf(query), status));
    expect(to("", "open")).toBe("/admin?status=open");
    expect(to("status=open", "all")).toBe("/admin");
    expect(to("sort=user", "open")).toBe("/admin?status=open&sort=user");
    expect(to("status=open&sort=newest&after=x", "all")).toBe("/admin");
  });
});
