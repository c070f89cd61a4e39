import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issueLink } from "../../../app/links/issue-link.server";
import { getLink, type LinkSummary, listLinks } from "../../../app/links/list-links.server";
import { revokeLink } from "../../../app/links/revoke-link.server";
import type { LinkFilter, LinkQuery } from "../../../db/link-list.store";
import { newAdmin, startTestServices, type TestServices } from "../../support/services";

/** No Keystone is asked in this file. */
const keystoneUrl = "http://127.0.0.1:9";

describe("the list of links", () => {
  let started: TestServices;
  const names = ["anna", "Bert", "caro", "Dora", "emil_x", "emilax", "fr%ed", "Gü", "h\\i", "ida"];

  beforeAll(async () => {
    started = await startTestServices({ keystoneUrl });
    const { sql } = started.database;
    for (const [index, name] of names.entries()) {
      const userId = `${index}`.repeat(4).padEnd(32, "0");
      const result = await issueLink(
        started.services,
        {
          userId,
          pin: "0420",
          initialPassword: "Initial-1",
          via: index % 2 ? "api" : "console",
          mailTo: `${index}@mail-${index}.example.org`,
          user: {
            name,
            domainId: "default",
            domainName: "Default",
            email: null,
            policyRegex: null,
            policyDescription: null,
          },
        },
        newAdmin(),
      );
      if (!result.ok) throw new Error(result.reason);
      const { id } = result.link;
      await sql`
        update links set issued_at = now() - make_interval(mins => ${100 - index}),
          expires_at = now() + make_interval(mins => ${((index * 7) % 10) + 1})
        where id = ${id}`;
      if (name === "anna") await revokeLink(started.services, { linkId: id }, newAdmin());
      if (name === "Bert") await sql`update links set attempts = 3 where id = ${id}`;
      if (name === "caro") await sql`update links set pin_guesses = 10 where id = ${id}`;
      const past = sql`now() - interval '1 minute'`;
      if (name === "Dora") await sql`update links set expires_at = ${past} where id = ${id}`;
      if (name === "emil_x")
        await sql`update links set expires_at = ${past}, attempts = 3 where id = ${id}`;
      if (name === "ida")
        await sql`
          update links set state = 'completed', completed_at = now(), token_hash = null,
            pin_mac = null, sealed_pin_key = null, sealed_password = null where id = ${id}`;
    }
  });
  afterAll(() => started?.stop());

  const list = (query: Partial<Parameters<typeof listLinks>[1]> = {}) =>
    listLinks(started.services, { status: "all", sort: "newest", limit: 50, ...query });
  const namesOf = (links: readonly LinkSummary[]) => links.map((link) => link.userName);
  const found = async (query: Parameters<typeof list>[0]) => namesOf((await list(query)).links);

  it("is newest first, and tells how many there are", async () => {
    const { links, count } = await list();
    expect(count).toEqual({ number: 10, exact: true });
    expect(namesOf(links)).toEqual([...names].reverse());
  });

  it("is sorted by age, by end, or by name whatever its case", async () => {
    expect(await found({ sort: "oldest" })).toEqual(names);
    const { links } = await list({ sort: "expiry" });
    const ends = links.map((link) => link.expiresAt.getTime());
    expect(ends).toEqual([...ends].sort((one, other) => one - other));
    const byName = (await found({ sort: "user" })).map((name) => name?.toLowerCase().slice(0, 2));
    expect(byName.slice(0, 4)).toEqual(["an", "be", "ca", "do"]);
    expect(await found({ sort: "user" })).toHaveLength(10);
  });

  it("has one order where links are alike, so that no page shows one twice", async () => {
    const own = await startTestServices({ keystoneUrl });
    try {
      const { sql } = own.database;
      await sql`
        insert into links (user_id, user_name, state, issued_by_id, issued_via, issued_at, expires_at)
        select 'alike-' || n, 'alike', 'revoked', 'a', 'api', '2030-01-01', '2030-01-02'
        from generate_series(1, 40) n`;
      const ids = (await sql`select id from links`).map(({ id }) => id as string).sort();
      const order = async (sort: LinkQuery["sort"]) =>
        (await listLinks(own.services, { status: "all", sort, limit: 50 })).links.map(
          ({ id }) => id,
        );
      for (const sort of ["oldest", "expiry", "user"] as const)
        expect(await order(sort)).toEqual(ids);
      expect(await order("newest")).toEqual([...ids].reverse());
    } finally {
      await own.stop();
    }
  });

  it("shows each link under the one status it has, and under all", async () => {
    const filters: LinkFilter[] = ["pending", "completed", "revoked", "expired", "locked"];
    const seen: string[] = [];
    for (const status of filters) {
      const { links, count } = await list({ status });
      expect(count).toEqual({ number: links.length, exact: true });
      for (const link of links) {
        expect(link.status).toBe(status);
        seen.push(link.id);
      }
    }
    const { links } = await list();
    expect(seen.sort()).toEqual(links.map((link) => link.id).sort());
    expect(new Set(await found({ status: "locked" }))).toEqual(new Set(["Bert", "caro", "emil_x"]));
    expect(await found({ status: "expired" })).toEqual(["Dora"]);
  });

  it("has those that wait for their user, whether the link still works or not, longest first", async () => {
    const open = names.filter((name) => !["anna", "ida"].includes(name));
    expect(await found({ status: "open", sort: "oldest" })).toEqual(open);
    expect((await list({ status: "open" })).count).toEqual({ number: 8, exact: true });
  });

  it("is searched by name, id and address, in any case, and takes no wildcard", async () => {
    expect(await found({ search: "BERT" })).toEqual(["Bert"]);
    expect(await found({ search: "3333" })).toEqual(["Dora"]);
    expect(await found({ search: "mail-7.example" })).toEqual(["Gü"]);
    expect(await found({ search: "gü" })).toEqual(["Gü"]);
    expect(await found({ search: "emil_" })).toEqual(["emil_x"]);
    expect(await found({ search: "%" })).toEqual(["fr%ed"]);
    expect(await found({ search: "h\\" })).toEqual(["h\\i"]);
    expect(await found({ search: "'; drop table links; --" })).toEqual([]);
    expect(await found({ search: "emil", status: "locked" })).toEqual(["emil_x"]);
  });

  it("holds nothing that lets anybody in", async () => {
    const { links } = await list();
    const [first] = links;
    const detail = first && (await getLink(started.services, first.id));
    for (const shown of [links, detail]) {
      const text = JSON.stringify(shown);
      expect(text).not.toMatch(/Buffer|sealed|hash|pinMac|0420|Initial-1/);
    }
  });

  it("tells how the newest mail of each link stands", async () => {
    const { links } = await list();
    expect(links.find((link) => link.userName === "anna")?.mail?.state).toBe("cancelled");
    expect(links.find((link) => link.userName === "Gü")?.mail).toMatchObject({
      recipient: "7@mail-7.example.org",
      template: "link",
    });
  });

  it("has a page for each link, with what happened to it, newest first", async () => {
    const { links } = await list({ status: "revoked" });
    const detail = await getLink(started.services, links[0]?.id ?? "");
    expect(detail?.events.map((event) => event.action)).toEqual(["link.revoked", "link.issued"]);
    expect(await getLink(started.services, "00000000-0000-4000-8000-000000000000")).toBeUndefined();
  });
});
