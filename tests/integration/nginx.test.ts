import { connect } from "node:tls";
import { type Browser, chromium, type Page } from "@playwright/test";
import { afterAll, beforeAll, expect, it } from "vitest";
import { findChromium } from "../support/debian-packages.mjs";
import { describeWhere } from "../support/describe-where";
import { getFreePort } from "../support/free-port";
import { hasProxies, type RunningProxy, startNginx } from "../support/proxies";
import { type Site, startSite } from "../support/raw-site";
import { tallyUploads, uploadOn } from "../support/upload";

/** What docs/operating.md tells operators of nginx, with those very lines, a real nginx and Chromium. */

const MEGABYTE = 1_000_000;
const PASSWORD = "Own-password-1";

describeWhere({ has: hasProxies(), what: "nginx" }, "behind nginx", () => {
  let site: Site;
  let nginx: RunningProxy;
  let browser: Browser;

  beforeAll(async () => {
    const port = await getFreePort();
    const publicUrl = `https://127.0.0.1:${port}`;
    site = await startSite({ publicUrl, env: { TRUST_PROXY: "1" } });
    nginx = await startNginx(port, site.stack.server.port);
    browser = await chromium.launch({
      executablePath: findChromium(),
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    });
  });

  afterAll(async () => {
    await browser?.close();
    await nginx?.stop();
    await site?.stop();
  });

  async function redeem(page: Page, link: { token: string; pin: string }) {
    await page.goto(`${nginx.url}/?token=${link.token}`, { waitUntil: "networkidle" });
    await page.locator('input[name="pin"]').fill(link.pin);
    await page.locator('input[name="password"]').fill(PASSWORD);
    await page.locator('input[name="confirm_password"]').fill(PASSWORD);
    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.request().method() === "POST"),
      page.locator("form[data-portal] button[type=submit]").click(),
    ]);
    return answer.status();
  }

  it.each([
    ["with JavaScript", true],
    ["without", false],
  ])("no log holds the token of a link that is redeemed %s", async (_, javaScriptEnabled) => {
    const link = await site.issue();
    const page = await browser.newPage({ ignoreHTTPSErrors: true, javaScriptEnabled });
    expect(await redeem(page, { ...link, pin: "0000" })).toBe(403);
    expect(await redeem(page, link)).toBe(200);
    await page.close();
    // A form sent to its own address, token and all, as without the script.
    const { token } = await site.issue();
    const raw = await fetchThrough(`/?token=${token}`, "pin=0000&password=x&confirm_password=x");
    expect(raw).toMatch(/^HTTP\/1\.1 403 /);

    const access = await nginx.accessLog();
    expect(access).toMatch(/"GET \/" 200 /);
    expect(access).toMatch(/"POST \/" 403 /);
    expect(access).toMatch(/"GET \/assets\/[^"]+" 200 /);
    for (const secret of [link.token, token]) {
      expect(access).not.toContain(secret);
      expect(await nginx.errorLog()).not.toContain(secret);
      expect(site.stack.server.logs()).not.toContain(secret);
    }
    expect(await nginx.errorLog()).toBe("");
  });

  it("the client's address arrives", async () => {
    const events = site.stack.server.events().filter(({ path }) => path === "/");
    expect(new Set(events.map(({ clientAddress }) => clientAddress))).toEqual(
      new Set(["127.0.0.1"]),
    );
    await fetchThrough("/reset", undefined, ["X-Forwarded-For: 203.0.113.9"]);
    // What a client says of itself is not believed.
    const last = () => site.stack.server.events().findLast(({ path }) => path === "/reset");
    await expect.poll(() => last()?.clientAddress).toBe("127.0.0.1");
  });

  it("60 uploads of 3 MB and 20 of 10 MB all get their answer, 413 or 401", async () => {
    const token: [string, string] = ["X-Auth-Token", await site.stack.keystone.token()];
    const form: [string, string] = ["Content-Type", "application/x-www-form-urlencoded"];
    const put = { method: "PUT", target: "/token/jane" };
    const kinds = [
      [413, { ...put, headers: [token] }, 60, 3],
      [413, { ...put, headers: [token] }, 20, 10],
      [401, put, 20, 10],
      [413, { method: "POST", target: "/reset", headers: [form] }, 20, 10],
    ] as const;
    for (const [status, request, count, megabytes] of kinds) {
      const uploads = Array.from({ length: count }, () =>
        uploadOn(
          connect({ port: nginx.port, host: "127.0.0.1", rejectUnauthorized: false }),
          request,
          megabytes * MEGABYTE,
        ),
      );
      const ends = await Promise.all(uploads);
      expect([request, tallyUploads(ends)]).toEqual([request, { [status]: count }]);
      if (request.method === "PUT")
        for (const end of ends)
          expect(typeof end !== "string" && JSON.parse(end.body).error.code).toBe(status);
    }
  });

  it("no log holds the token of a link that is opened while setpass is down", async () => {
    const link = await site.issue();
    await site.stack.server.stop();
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    const answer = await page.goto(`${nginx.url}/?token=${link.token}`);
    expect(answer?.status()).toBe(502);
    await page.close();
    for (const target of ["/", "//", "/./", "/%2e/"])
      expect(await fetchThrough(`${target}?token=${link.token}`)).toMatch(/^HTTP\/1\.1 502 /);
    expect(await fetchThrough(`/?token=${link.token}`, "pin=1")).toMatch(/^HTTP\/1\.1 502 /);
    expect(await fetchThrough(`/reset/confirm?token=${link.token}`)).toMatch(/^HTTP\/1\.1 502 /);
    // The operator still learns of it, by the other paths.
    expect(await fetchThrough("/reset")).toMatch(/^HTTP\/1\.1 502 /);
    const errors = await nginx.errorLog();
    expect(errors).toMatch(/connect\(\) failed .* "GET \/reset HTTP\/1\.1"/);
    const access = await nginx.accessLog();
    expect(access).toMatch(/"GET \/" 502 /);
    for (const log of [access, errors]) expect(log).not.toContain(link.token);
  });

  /** @returns the whole answer, as it came */
  function fetchThrough(target: string, body?: string, headers: string[] = []): Promise<string> {
    const lines = [
      `${body === undefined ? "GET" : "POST"} ${target} HTTP/1.1`,
      "Host: x",
      ...headers,
    ];
    lines.push("Connection: close", "Content-Type: application/x-www-form-urlencoded");
    lines.push(`Content-Length: ${body?.length ?? 0}`, "", body ?? "");
    return new Promise((resolve, reject) => {
      const socket = connect({ port: nginx.port, host: "127.0.0.1", rejectUnauthorized: false });
      let answer = "";
      socket.setEncoding("utf8").on("data", (text: string) => {
        answer += text;
      });
      socket.once("error", reject);
      socket.once("close", () => resolve(answer));
      socket.write(lines.join("\r\n"));
    });
  }
});
