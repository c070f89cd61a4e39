import { createServer, type Server } from "node:http";
import type { Page } from "@playwright/test";
import type { BrowserStack } from "../support/browser-stack";
import { expect, test } from "../support/browser-test";
import { readBuiltRoutes } from "../support/built-routes";
import { issueByScript } from "../support/issue-by-script";
import { listen } from "../support/listen";

const issueLink = (stack: BrowserStack) => issueByScript(stack, "7352");

/** Somebody else's site: another origin for the browser. Serves one page of ours, and hears of all asked. */
interface OtherSite {
  readonly url: string;
  /** Address, Referer and body of each request. */
  readonly heard: string[];
  stop(): void;
}

async function startOtherSite(html: string): Promise<OtherSite> {
  const heard: string[] = [];
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      heard.push(`${request.method} ${request.url} ${request.headers.referer ?? ""} ${body}`);
      response.setHeader("Content-Type", "text/html").end(html);
    });
  });
  const port = await listen(server);
  return {
    // Another host, not only another port: cookies know no ports.
    url: `http://localhost:${port}`,
    heard,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** What the page's policy refused, as the page itself is told of it. */
async function watchViolations(page: Page): Promise<string[]> {
  const violations: string[] = [];
  await page.exposeFunction("tellViolation", (what: string) => violations.push(what));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      const tell = (window as unknown as { tellViolation(what: string): void }).tellViolation;
      tell(`${event.effectiveDirective} ${event.blockedURI}`);
    });
  });
  return violations;
}

test("no page of the build is refused anything by its own policy", async ({
  page,
  stack,
  signIn,
}) => {
  const violations = await watchViolations(page);
  const link = await issueLink(stack);
  const gone = await issueLink(stack);
  await page.goto(link.path);
  await page.getByLabel("PIN").fill("0000");
  await page.getByLabel("New password", { exact: true }).fill("Some password 1 of mine");
  await page.getByRole("button", { name: "Show passwords" }).click();
  await page.getByLabel("Confirm new password").fill("Some password 1 of mine");
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByText("Wrong PIN").first()).toBeVisible();
  await page.goto("/reset");
  await page.getByRole("button", { name: "Send request" }).click();

  await signIn(page);
  await page.goto(`/admin?q=${gone.name}`);
  await page.getByRole("link", { name: gone.name }).click();
  await expect(page.getByRole("heading", { name: gone.name })).toBeVisible();
  const linkPage = page.url();
  const seen: string[] = [];
  for (const route of await readBuiltRoutes()) {
    if (!route.isPage || route.path.includes("*")) continue;
    const address = route.path
      .replace(":userId", gone.userId)
      .replace(":id", linkPage.split("/").at(-1) ?? "");
    await page.goto(address);
    await expect(page.locator("h1"), address).toBeVisible();
    seen.push(address);
  }
  for (const nowhere of ["/nowhere", "/admin/links/nothing", "/admin/users/nobody", "/"])
    await page.goto(nowhere);
  await page.goto("/admin");
  // React runs: this one is no page load.
  await page.getByRole("link", { name: "Users" }).click();
  await expect(page).toHaveURL(/\/admin\/users$/);
  expect(seen.length).toBeGreaterThan(7);
  expect(violations).toEqual([]);
});

test("what somebody smuggles into a page does not run, load, or send", async ({
  page,
  stack,
  signIn,
  complaints,
}) => {
  const evil = await startOtherSite("planted");
  const violations = await watchViolations(page);
  const link = await issueLink(stack);
  await signIn(page);
  for (const address of [link.path, "/admin/users"]) {
    await page.goto(address);
    await expect(page.locator("h1")).toBeVisible();
    violations.length = 0;
    const ran = await page.evaluate(async (elsewhere) => {
      const planted: string[] = [];
      Object.assign(window, { plant: (what: string) => planted.push(what) });
      const add = (markup: string) => {
        const holder = document.createElement("div");
        holder.innerHTML = markup;
        document.body.append(holder);
        return holder;
      };
      const inline = document.createElement("script");
      inline.textContent = "plant('an inline script')";
      document.body.append(inline);
      const remote = document.createElement("script");
      remote.src = `${elsewhere}/script.js`;
      remote.onload = () => planted.push("a script of another site");
      document.body.append(remote);
      add(`<img src="/nothing.png" onerror="plant('an event handler')">`);
      add(`<a href="javascript:plant('an address')">x</a>`).querySelector("a")?.click();
      add(`<p style="color: red">x</p>`);
      add(`<style>body { background: red }</style>`);
      add(`<img src="${elsewhere}/pixel.png">`);
      add(`<iframe src="${elsewhere}/frame"></iframe>`);
      add(`<form method="post" action="${elsewhere}/form"><input name="x" value="y"></form>`)
        .querySelector("form")
        ?.submit();
      await fetch(`${elsewhere}/fetch`).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 500));
      return planted;
    }, evil.url);
    expect([address, ran]).toEqual([address, []]);
    const refused = new Set(violations.map((one) => one.split(" ")[0]));
    expect([...refused].sort()).toEqual([
      ...["connect-src", "form-action", "frame-src", "img-src", "script-src-attr"],
      ...["script-src-elem", "style-src-attr", "style-src-elem"],
    ]);
    expect(violations.filter((one) => one.includes(evil.url)).length).toBeGreaterThan(4);
    expect(page.url()).toContain(stack.url);
  }
  expect(evil.heard).toEqual([]);
  expect(complaints.every((one) => /Content Security Policy|Refused to/.test(one))).toBe(true);
  complaints.length = 0;
  evil.stop();
});

test("the link's token stays nowhere: not in the address, the history, a referrer or a store", async ({
  page,
  stack,
  context,
}) => {
  const { token, path, pin } = await issueLink(stack);
  const evil = await startOtherSite("<h1>Elsewhere</h1>");
  const abroad: string[] = [];
  let asked = 0;
  page.on("request", (request) => {
    if (request.url().includes(token)) asked += 1;
    if (!request.url().startsWith(stack.url)) abroad.push(request.url());
  });
  const browser = await context.newCDPSession(page);
  /** What really went out, with what the browser adds at the last moment. */
  const referers: string[] = [];
  const origins: string[] = [];
  await browser.send("Network.enable");
  browser.on("Network.requestWillBeSentExtraInfo", ({ headers }) => {
    for (const [name, value] of Object.entries(headers)) {
      if (/^referer$/i.test(name)) referers.push(value);
      if (/^origin$/i.test(name)) origins.push(value);
    }
  });
  const readHistory = async () => {
    const { entries } = await browser.send("Page.getNavigationHistory");
    return entries.map(({ url }) => url);
  };
  const isNowhere = async (when: string) => {
    expect([when, page.url().includes(token)]).toEqual([when, false]);
    expect([when, (await readHistory()).filter((url) => url.includes(token))]).toEqual([when, []]);
    const kept = await page.evaluate(() =>
      JSON.stringify([
        location.href,
        document.referrer,
        document.cookie,
        window.name,
        window.history.state,
        { ...localStorage },
        { ...sessionStorage },
      ]),
    );
    expect([when, kept.includes(token)]).toEqual([when, false]);
  };

  await page.goto("/reset");
  await page.goto(path);
  await expect(page).toHaveURL(`${stack.url}/`);
  await expect(page.getByLabel("PIN")).toBeVisible();
  await isNowhere("once it is open");
  expect(asked).toBe(1);

  await page.goBack();
  await expect(page).toHaveURL(`${stack.url}/reset`);
  await isNowhere("going back");
  await page.goForward();
  await expect(page.getByRole("heading", { name: "Open the link in your email" })).toBeVisible();
  await isNowhere("going forward");

  const follow = async (to: string) => {
    await page.goto(path);
    await expect(page).toHaveURL(`${stack.url}/`);
    await page.evaluate((address) => {
      const anchor = document.createElement("a");
      anchor.href = address;
      document.body.append(anchor);
      anchor.click();
    }, to);
    await expect(page).toHaveURL(to);
  };
  await follow(`${stack.url}/reset`);
  expect(await page.evaluate(() => document.referrer)).toBe(`${stack.url}/`);
  await isNowhere("on another page of ours");
  await follow(`${evil.url}/followed`);
  // Where somebody came from, and nothing more.
  expect(await page.evaluate(() => document.referrer)).toBe(`${stack.url}/`);
  await isNowhere("on another site");
  expect(evil.heard.find((line) => line.includes("/followed"))).toBe(
    `GET /followed ${stack.url}/ `,
  );

  // The form holds it from page to page: sent wrong, sent right.
  await page.goto(path);
  const fill = async (typed: string) => {
    await page.getByLabel("PIN").fill(typed);
    await page.getByLabel("New password", { exact: true }).fill("Own browser pass 1");
    await page.getByLabel("Confirm new password").fill("Own browser pass 1");
    await page.getByRole("button", { name: "Set password" }).click();
  };
  await fill("0000");
  await expect(page.getByText("Wrong PIN").first()).toBeVisible();
  await isNowhere("after a wrong PIN");
  await fill(pin);
  await expect(page.getByRole("heading", { name: "Password set" })).toBeVisible();
  await isNowhere("after the password is set");
  // Nor does any file's request carry it to the proxy's log; and forms say where they are from.
  const ours = referers.filter((url) => !url.startsWith(evil.url));
  expect([...new Set(ours)]).toEqual([`${stack.url}/`]);
  expect([...new Set(origins)]).toEqual([stack.url]);
  expect(abroad.filter((url) => !url.startsWith(evil.url))).toEqual([]);
  expect(evil.heard.join("\n")).not.toContain(token);
  evil.stop();
});

test("no page lets itself be framed, opened and steered, or read by another site", async ({
  page,
  stack,
  signIn,
  complaints,
}) => {
  const link = await issueLink(stack);
  await signIn(page);
  const pages = [link.path, "/reset", "/admin/sign-in", "/admin"].map((path) => stack.url + path);
  const frames = pages.map((url) => `<iframe src="${url.replaceAll("&", "&amp;")}"></iframe>`);
  const evil = await startOtherSite(`<h1>Elsewhere</h1>${frames.join("")}`);
  await page.goto(evil.url);
  await expect.poll(() => page.frames().length).toBe(pages.length + 1);
  for (const frame of page.frames().slice(1)) {
    await expect.poll(() => frame.url()).toMatch(/^chrome-error:/);
    expect(await frame.content()).not.toContain("password");
  }
  expect(complaints.some((one) => /frame-ancestors|X-Frame-Options/.test(one))).toBe(true);

  const read = await page.evaluate(async (urls) => {
    const answers: string[] = [];
    for (const url of urls) {
      for (const mode of ["cors", "no-cors"] as const) {
        const answer = await fetch(url, { mode, credentials: "include" }).catch(() => undefined);
        answers.push(answer ? `${answer.type} ${(await answer.text()).length}` : "refused");
      }
    }
    return answers;
  }, pages);
  expect(new Set(read)).toEqual(new Set(["refused"]));

  const [opened] = await Promise.all([
    page.waitForEvent("popup"),
    page.evaluate((url) => {
      Object.assign(window, { opened: window.open(url) });
    }, pages[1]),
  ]);
  await expect(opened.locator("h1")).toBeVisible();
  expect(await opened.evaluate(() => window.opener)).toBeNull();
  // To the one who opened it, the window seems closed: there is nothing to steer.
  await expect
    .poll(() => page.evaluate(() => (window as unknown as { opened: Window }).opened.closed))
    .toBe(true);
  await opened.close();
  complaints.length = 0;
  evil.stop();
});

test("a form that another site sends in an administrator's name does nothing", async ({
  page,
  stack,
  signIn,
  complaints,
}) => {
  const link = await issueLink(stack);
  await signIn(page);
  await page.goto(`/admin?q=${link.name}`);
  await page.getByRole("link", { name: link.name }).click();
  await expect(page.getByRole("heading", { name: link.name })).toBeVisible();
  const linkPage = page.url();
  const targets = [
    linkPage,
    `${stack.url}/admin/sign-out`,
    `${stack.url}/admin/users/${link.userId}`,
  ];
  for (const target of targets) {
    const evil = await startOtherSite(
      `<form method="post" action="${target}"><input name="intent" value="revoke"></form>
       <script>document.forms[0].submit()</script>`,
    );
    const answered = page.waitForResponse((one) => one.request().method() === "POST");
    await page.goto(evil.url).catch(() => {});
    expect([target, (await answered).status()]).toEqual([target, 403]);
    evil.stop();
  }
  await page.goto(linkPage);
  await expect(page.getByText("Pending").first()).toBeVisible();
  complaints.length = 0;
});

test("the session's cookie is for no script, and its pages are gone once it has ended", async ({
  page,
  context,
  stack,
  signIn,
}) => {
  await signIn(page);
  const cookies = await context.cookies(stack.url);
  expect(cookies).toEqual([
    expect.objectContaining({ name: "setpass", httpOnly: true, sameSite: "Lax", path: "/" }),
  ]);
  expect(await page.evaluate(() => document.cookie)).toBe("");
  await page.goto("/admin/users");
  await expect(page.getByRole("heading", { name: "Users" })).toBeVisible();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(/\/admin\/sign-in/);
  expect(await context.cookies(stack.url)).toEqual([]);
  // Nothing was kept to be shown again.
  await page.goBack();
  await expect(page).toHaveURL(/\/admin\/sign-in/);
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
});
