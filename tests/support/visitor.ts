import { randomUUID } from "node:crypto";

/** What a server answered, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly tookMs: number;
}

export interface Ask {
  method?: string;
  /** With its query. */
  path: string;
  form?: Record<string, string>;
  json?: unknown;
  headers?: Record<string, string>;
  /** The session's, from `signIn`. A form is then sent as a browser sends it, with an Origin. */
  cookie?: string;
  /** `req-<uuid>`: what it is called in logs, in the audit trail, and in Keystone. */
  requestId?: string;
}

export const newRequestId = () => `req-${randomUUID()}`;

/** How a request may come, beside what it asks for. */
export type How = Pick<Ask, "requestId" | "headers" | "cookie">;

/**
 * The people and scripts that use setpass, over plain HTTP: administrators in the console, scripts, and
 * users with a link. Redirects are not followed, and every request has a connection of its own.
 */
export interface Visitor {
  ask(ask: Ask): Promise<Answer>;
  /** @returns the answer, and the session's cookie where one was set */
  signIn(
    credentials: { userName: string; password: string; domainName?: string },
    how?: How,
  ): Promise<Answer & { cookie: string | undefined }>;
  /** `PUT /token/:userId` */
  put(userId: string, body: unknown, keystoneToken: string, how?: How): Promise<Answer>;
  /** The console's form for a user: issue or renew. */
  issue(userId: string, form: Record<string, string>, how: How): Promise<Answer>;
  openLink(linkToken: string, how?: How): Promise<Answer>;
  redeem(
    linkToken: string,
    typed: { pin: string; password: string; confirmation?: string },
    how?: How,
  ): Promise<Answer>;
}

/**
 * @param url where the server listens
 * @param options.publicUrl its PUBLIC_URL, which browsers send as Origin; `url` where left out
 * @param options.onAnswer gets everything that was answered
 */
export function createVisitor(
  url: string,
  options: { publicUrl?: string; onAnswer?: (ask: Ask, answer: Answer) => void } = {},
): Visitor {
  const origin = new URL(options.publicUrl ?? url).origin;

  async function ask(asked: Ask): Promise<Answer> {
    const { form, json, cookie, requestId } = asked;
    const startedAt = performance.now();
    const response = await fetch(`${url}${asked.path}`, {
      method: asked.method ?? (form || json !== undefined ? "POST" : "GET"),
      redirect: "manual",
      headers: {
        connection: "close",
        accept: "text/html",
        ...(form && { "content-type": "application/x-www-form-urlencoded" }),
        ...(json !== undefined && { "content-type": "application/json" }),
        ...(cookie !== undefined && { cookie, ...(form && { origin }) }),
        ...(requestId !== undefined && { "x-openstack-request-id": requestId }),
        ...asked.headers,
      },
      body: form
        ? new URLSearchParams(form).toString()
        : json === undefined
          ? undefined
          : JSON.stringify(json),
    });
    const answer = {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
      tookMs: performance.now() - startedAt,
    };
    options.onAnswer?.(asked, answer);
    return answer;
  }

  return {
    ask,
    async signIn({ userName, password, domainName = "Default" }, how) {
      const answer = await ask({
        path: "/admin/sign-in",
        form: { user_name: userName, password, domain: domainName },
        ...how,
      });
      const cookie = answer.headers.getSetCookie()[0]?.split(";", 1)[0];
      return { ...answer, cookie: cookie?.endsWith("=") ? undefined : cookie };
    },
    put: (userId, body, keystoneToken, how) =>
      ask({
        method: "PUT",
        path: `/token/${userId}`,
        json: body,
        ...how,
        headers: { accept: "*/*", "x-auth-token": keystoneToken, ...how?.headers },
      }),
    issue: (userId, form, how) => ask({ path: `/admin/users/${userId}`, form, ...how }),
    openLink: (linkToken, how) => ask({ path: `/?token=${linkToken}`, ...how }),
    redeem: (linkToken, { pin, password, confirmation = password }, how) =>
      ask({
        path: `/?token=${linkToken}`,
        form: { pin, password, confirm_password: confirmation },
        ...how,
      }),
  };
}

/** @returns the link token that a page shows (a fresh link's address, or a form's hidden field) */
export function linkTokenIn(text: string): string | undefined {
  const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
  return (
    new RegExp(`[?]token=(${uuid})`).exec(text)?.[1] ??
    new RegExp(`name="token" value="(${uuid})"`).exec(text)?.[1]
  );
}
