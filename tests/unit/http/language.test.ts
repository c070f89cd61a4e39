import { createServer, type Server } from "node:http";
import express from "express";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readAskedLanguage } from "../../../app/http/language.server";
import { listen } from "../../support/listen";

describe("the language a reader asks for", () => {
  let server: Server;
  let port: number;

  beforeAll(async () => {
    const config = {
      languages: ["en", "de"],
      publicUrl: new URL("https://setpass.example.org"),
    } as const;
    const app = express().set("query parser", "simple");
    app.use(async (request, response) => {
      response.send((await readAskedLanguage(request, response, config)) ?? "none asked for");
    });
    server = createServer(app);
    port = await listen(server);
  });
  afterAll(() => server.close());

  async function ask(path: string, headers: Record<string, string> = {}) {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { "Accept-Language": "", ...headers },
    });
    return { language: await answer.text(), cookie: answer.headers.get("Set-Cookie") };
  }

  it("is what the browser prefers of those there are", async () => {
    expect(await ask("/", { "Accept-Language": "fr, en-GB;q=0.8, de;q=0.2" })).toEqual({
      language: "en",
      cookie: null,
    });
    expect(await ask("/", { "Accept-Language": "de-AT, en;q=0.9" })).toMatchObject({
      language: "de",
    });
  });

  it("is none where their browser takes none of them, or any", async () => {
    for (const header of ["tlh", "*", "tlh, *;q=0.5", "", "en;q=0", ";;,,="])
      expect(await ask("/", { "Accept-Language": header }), header).toEqual({
        language: "none asked for",
        cookie: null,
      });
    // Any will do, but it names one that there is.
    expect(await ask("/", { "Accept-Language": "*, de" })).toMatchObject({ language: "de" });
  });

  it("is the one asked for by ?lang, which a cookie keeps for the forms of the page", async () => {
    const { language, cookie } = await ask("/?lang=en", { "Accept-Language": "de" });
    expect(language).toBe("en");
    expect(cookie).toMatch(
      /^setpass-language=\S+; Max-Age=31536000; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    const kept = { Cookie: cookie?.split(";", 1)[0] ?? "" };
    expect(await ask("/", { "Accept-Language": "de", ...kept })).toEqual({
      language: "en",
      cookie: null,
    });
    expect(await ask("/?lang=de", kept)).toMatchObject({ language: "de" });
  });

  it("is none that is not offered, whoever asks for it", async () => {
    for (const asked of ["tlh", "en-XA", "../en", "__proto__", "en&lang=de"])
      expect(await ask(`/?lang=${asked}`), asked).toMatchObject({ language: "none asked for" });
    const cookie = Buffer.from('"en-XA"').toString("base64");
    for (const value of [cookie, "e30=", "%", "constructor"])
      expect(await ask("/", { Cookie: `setpass-language=${value}` })).toEqual({
        language: "none asked for",
        cookie: null,
      });
  });
});
